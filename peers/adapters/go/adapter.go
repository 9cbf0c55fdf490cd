// An adapter for ekmcheck: Session-Binding Proofs verified with Go's standard library alone, as a resource server would.
//
// One JSON object a line in, one a line out (docs/adapters.md).
package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

const (
	label    = "EXPORTER-oauth-tls-session-bound"
	proofTyp = "tls-binding-proof+jwt"
)

type object = map[string]any

type question struct {
	ID      *json.Number `json:"id"`
	Command any          `json:"command"`
	Inputs  *inputs      `json:"inputs"`
	Policy  *policy      `json:"policy"`
}

type inputs struct {
	Certificate []byte `json:"certificate"`
	AccessToken string `json:"access_token"`
	TokenClaims object `json:"token_claims"`
	Exporter    string `json:"exporter"`
	Now         int64  `json:"now"`
	Request     struct {
		Method    string `json:"method"`
		Authority string `json:"authority"`
		Path      string `json:"path"`
	} `json:"request"`
	Proof string `json:"proof"`
}

type policy struct {
	IatPast   int64 `json:"iat_past"`
	IatFuture int64 `json:"iat_future"`
}

// refusal says which check refused; unsupported, that the library cannot do it.
type refusal struct{ check, detail string }
type unsupported struct{ why string }

func (r *refusal) Error() string     { return r.detail }
func (u *unsupported) Error() string { return u.why }

func refuse(check, detail string) error { return &refusal{check, detail} }

func thumbprint(octets []byte) string {
	digest := sha256.Sum256(octets)
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

// same compares with text; what is no text is not equal to it.
func same(given any, right string) bool {
	text, ok := given.(string)
	return ok && subtle.ConstantTimeCompare([]byte(text), []byte(right)) == 1
}

// segment decodes base64url, without padding.
func segment(text string) ([]byte, error) {
	octets, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, refuse("format", err.Error())
	}
	return octets, nil
}

// members reads one JSON object and nothing after it. A map takes names as they are; a struct would take any case.
func members(octets []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(octets))
	decoder.UseNumber()
	var found object
	if err := decoder.Decode(&found); err != nil {
		return nil, refuse("format", err.Error())
	}
	if _, err := decoder.Token(); err != io.EOF || found == nil {
		return nil, refuse("format", "not one JSON object")
	}
	return found, nil
}

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// verifySignature verifies with the key of the certificate, by an algorithm that fits it.
func verifySignature(key any, alg string, signed string, signature []byte) error {
	hash, known := hashes[strings.TrimLeft(alg, "ERPS")]
	digest := func() []byte {
		sum := hash.New()
		sum.Write([]byte(signed))
		return sum.Sum(nil)
	}
	holds := false
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		fits := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
		if curve, ok := fits[alg]; !ok || curve != key.Curve {
			return refuse("alg", "does not fit the key")
		}
		size := (key.Params().BitSize + 7) / 8
		if len(signature) == 2*size {
			r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
			holds = ecdsa.Verify(key, digest(), r, s)
		}
	case ed25519.PublicKey:
		if alg != "EdDSA" {
			return refuse("alg", "does not fit the key")
		}
		holds = ed25519.Verify(key, []byte(signed), signature)
	case *rsa.PublicKey:
		if !known || len(alg) != 5 {
			return refuse("alg", "does not fit the key")
		}
		switch alg[:2] {
		case "PS":
			options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			holds = rsa.VerifyPSS(key, hash, digest(), signature, options) == nil
		case "RS":
			holds = rsa.VerifyPKCS1v15(key, hash, digest(), signature) == nil
		default:
			return refuse("alg", "does not fit the key")
		}
	default:
		return &unsupported{fmt.Sprintf("keys of the type %T", key)}
	}
	if !holds {
		return refuse("signature", "does not verify")
	}
	return nil
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// targetURI is a target URI, or the path alone as in the draft's example, in the form that RFC 9110 section 4.2.3
// compares; empty if it is neither.
func targetURI(uri, authority string) string {
	if strings.HasPrefix(uri, "/") && !strings.HasPrefix(uri, "//") {
		uri = "https://" + authority + uri
	}
	parsed, err := url.Parse(uri)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil || strings.ContainsAny(uri, "?#") {
		return ""
	}
	path := escape.ReplaceAllStringFunc(parsed.EscapedPath(), func(hexes string) string {
		octet, _ := hex.DecodeString(hexes[1:])
		if strings.ContainsAny(string(octet), "-._~") || regexp.MustCompile(`^[A-Za-z0-9]$`).Match(octet) {
			return string(octet)
		}
		return strings.ToUpper(hexes)
	})
	if path == "" {
		path = "/"
	}
	return "https://" + strings.TrimSuffix(strings.ToLower(parsed.Host), ":443") + path
}

func verify(in *inputs, policy *policy) error {
	certificate, err := x509.ParseCertificate(in.Certificate)
	if err != nil {
		return &unsupported{"the certificate cannot be read: " + err.Error()}
	}
	if certificate.PublicKey == nil {
		return &unsupported{"the certificate's key: " + certificate.PublicKeyAlgorithm.String()}
	}
	own := thumbprint(certificate.Raw)

	confirmation, _ := in.TokenClaims["cnf"].(object)
	boundTo, isText := confirmation["x5t#S256"].(string)
	if !isText || confirmation["tls_exp"] != label {
		return refuse("confirmation", "no x5t#S256 or tls_exp in cnf")
	}
	if !same(boundTo, own) {
		return refuse("certificate", "another certificate")
	}

	segments := strings.Split(in.Proof, ".")
	if len(segments) != 3 {
		return refuse("format", "not three segments")
	}
	var octets [3][]byte
	for n, text := range segments {
		if octets[n], err = segment(text); err != nil {
			return err
		}
	}
	header, err := members(octets[0])
	if err != nil {
		return err
	}
	if _, critical := header["crit"]; critical {
		return refuse("crit", "no extension is understood")
	}
	if header["typ"] != proofTyp {
		return refuse("typ", "another typ")
	}
	alg, _ := header["alg"].(string)
	if err := verifySignature(certificate.PublicKey, alg, segments[0]+"."+segments[1], octets[2]); err != nil {
		return err
	}
	if !same(header["x5t#S256"], own) {
		return refuse("x5t", "another certificate")
	}

	claims, err := members(octets[1])
	if err != nil {
		return err
	}
	exporter, err := hex.DecodeString(in.Exporter)
	if err != nil {
		return &unsupported{"the exporter value: " + err.Error()}
	}
	if !same(claims["ekm"], base64.RawURLEncoding.EncodeToString(exporter)) {
		return refuse("ekm", "another exporter value")
	}
	if !same(claims["ath"], thumbprint([]byte(in.AccessToken))) {
		return refuse("ath", "another token")
	}
	number, _ := claims["iat"].(json.Number)
	iat, err := strconv.ParseFloat(number.String(), 64)
	if err != nil || iat < float64(in.Now-policy.IatPast) || iat > float64(in.Now+policy.IatFuture) {
		return refuse("iat", "no number, or outside the window")
	}
	if htm, there := claims["htm"]; there && !same(htm, in.Request.Method) {
		return refuse("htm", "another method")
	}
	if htu, there := claims["htu"]; there {
		path, _, _ := strings.Cut(in.Request.Path, "?")
		text, _ := htu.(string)
		if found := targetURI(text, in.Request.Authority); found == "" || found != targetURI(path, in.Request.Authority) {
			return refuse("htu", "another target")
		}
	}
	// Whether a jti was seen before is not asked here: every question starts from nothing.
	if jti, there := claims["jti"]; there && (jti == "" || !same(jti, fmt.Sprint(jti))) {
		return refuse("jti", "no text")
	}
	return nil
}

func answer(asked *question) object {
	switch {
	case asked.Command == "hello":
		return object{
			"answer": "hello", "name": "go-standard-library", "version": "1", "language": runtime.Version(),
			"library":  "crypto/*, encoding/json, encoding/base64",
			"features": []string{"ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"},
		}
	case asked.Command != "verify":
		return object{"answer": "unsupported", "why": "the command is not known"}
	case asked.Inputs == nil || asked.Policy == nil:
		return object{"answer": "unsupported", "why": "verify without inputs and policy"}
	}
	switch err := verify(asked.Inputs, asked.Policy).(type) {
	case nil:
		return object{"answer": "accept"}
	case *unsupported:
		return object{"answer": "unsupported", "why": err.why}
	case *refusal:
		return object{"answer": "refuse", "check": err.check, "detail": err.detail}
	default:
		return object{"answer": "refuse", "detail": err.Error()}
	}
}

func main() {
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked question
		problem := json.Unmarshal(line, &asked)
		if asked.ID == nil {
			fmt.Fprintln(os.Stderr, "a line that is no JSON object with an id")
			continue
		}
		told := object{"answer": "unsupported", "why": "the question has another form"}
		if problem == nil {
			told = answer(&asked)
		}
		told["id"] = asked.ID
		written, _ := json.Marshal(told)
		os.Stdout.Write(append(written, '\n'))
	}
}
