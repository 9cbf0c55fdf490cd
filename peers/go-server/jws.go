package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"strings"
	"unicode/utf8"
)

// object is a JSON object by its members' exact names: a struct would let encoding/json take "ATH" for "ath".
type object map[string]json.RawMessage

// str gives a member that is a string, and "" for everything else; numbers likewise, with nil.
func (o object) str(name string) (value string) {
	if json.Unmarshal(o[name], &value) != nil {
		return ""
	}
	return value
}

func (o object) number(name string) (value *float64) {
	if o[name] == nil || json.Unmarshal(o[name], &value) != nil {
		return nil
	}
	return value
}

func (o object) has(name string) bool { _, found := o[name]; return found }

func (o object) object(name string) (value object) {
	if json.Unmarshal(o[name], &value) != nil {
		return nil
	}
	return value
}

func readObject(path string) (value object, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &value)
	}
	return value, err
}

var strict = base64.RawURLEncoding.Strict()

// jws is a compact JWS, taken apart and not verified.
type jws struct {
	header, claims object
	signed         string
	signature      []byte
}

func parse(compact string) (found jws, err error) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return found, errors.New("not three parts")
	}
	for i, into := range []*object{&found.header, &found.claims} {
		text, err := strict.DecodeString(parts[i])
		if err != nil {
			return found, err
		}
		if !utf8.Valid(text) { // encoding/json would put U+FFFD there (RFC 7515 §5.2)
			return found, errors.New("not UTF-8")
		}
		if err = json.Unmarshal(text, into); err != nil {
			return found, err
		}
	}
	if found.header.has("crit") { // no extension is understood here (RFC 7515 §4.1.11)
		return found, errors.New("crit")
	}
	found.signed = parts[0] + "." + parts[1]
	found.signature, err = strict.DecodeString(parts[2])
	return found, err
}

// isType compares a typ member, whose "application/" may be left out (RFC 7515 §4.1.9).
func (j jws) isType(want string) bool {
	return strings.EqualFold(strings.TrimPrefix(strings.ToLower(j.header.str("typ")), "application/"), want)
}

var rsaHashes = map[string]crypto.Hash{
	"RS256": crypto.SHA256, "RS384": crypto.SHA384, "RS512": crypto.SHA512,
	"PS256": crypto.SHA256, "PS384": crypto.SHA384, "PS512": crypto.SHA512,
}

// verify checks the signature with key. The key says which algorithms there are; the header only chooses among them.
func (j jws) verify(key crypto.PublicKey) bool {
	alg := j.header.str("alg")
	digest := func(hash crypto.Hash) []byte {
		h := hash.New()
		h.Write([]byte(j.signed))
		return h.Sum(nil)
	}
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		want, hash := "", crypto.Hash(0)
		switch key.Curve {
		case elliptic.P256():
			want, hash = "ES256", crypto.SHA256
		case elliptic.P384():
			want, hash = "ES384", crypto.SHA384
		case elliptic.P521():
			want, hash = "ES512", crypto.SHA512
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		if alg == "" || alg != want || len(j.signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(j.signature[:size]), new(big.Int).SetBytes(j.signature[size:])
		return ecdsa.Verify(key, digest(hash), r, s)
	case *rsa.PublicKey:
		hash, known := rsaHashes[alg]
		if !known || key.N.BitLen() < 2048 { // RFC 7518 §3.3
			return false
		}
		if alg[0] == 'P' {
			options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return rsa.VerifyPSS(key, hash, digest(hash), j.signature, options) == nil
		}
		return rsa.VerifyPKCS1v15(key, hash, digest(hash), j.signature) == nil
	case ed25519.PublicKey:
		return (alg == "EdDSA" || alg == "Ed25519") && ed25519.Verify(key, []byte(j.signed), j.signature)
	}
	return false
}
