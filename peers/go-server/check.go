package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	iatPast   = 300 // seconds that a proof may be old: there is no cache, so also the time that one may be reused
	iatFuture = 60  // seconds that a client's clock may be ahead
)

func unixNow() float64 { return float64(time.Now().UnixMilli()) / 1000 }

type refusal struct {
	status    int
	code, why string
}

func invalidToken(why string) *refusal { return &refusal{401, "invalid_token", why} }
func invalidProof(why string) *refusal {
	return &refusal{401, "invalid_proof", "Session-Binding Proof verification failed: " + why}
}

var bearer = regexp.MustCompile(`^(?i:bearer) +([A-Za-z0-9._~+/-]+=*)$`)

func thumbprint(data []byte) string {
	sum := sha256.Sum256(data)
	return strict.EncodeToString(sum[:])
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// authorize does b to i of §3.3.2 (a is the handshake's), all of it on every request: a cache is allowed, not needed.
func (s *server) authorize(r *http.Request, c *connection) *refusal {
	if fields := r.Header.Values("Authorization"); len(fields) > 1 {
		return &refusal{400, "invalid_request", "more than one Authorization field"}
	}
	match := bearer.FindStringSubmatch(r.Header.Get("Authorization"))
	if match == nil {
		return &refusal{401, "", "no Bearer token"}
	}
	token := match[1]
	claims, refused := s.checkToken(token, r.URL.Path, c)
	if refused != nil {
		return refused
	}
	ath := thumbprint([]byte(token))
	cache := c
	if faulty("cache-by-token") {
		cache = &s.anywhere
	}
	cache.mutex.Lock()
	hit := cache.verified[ath]
	cache.mutex.Unlock()

	proofs := r.Header.Values("Session-Binding-Proof")
	switch {
	case len(proofs) == 0 && hit && faulty("proof-optional-after-first"):
		return nil
	case len(proofs) == 0 && !claims.object("cnf").has("tls_exp"): // only where tls-exp-optional let it through
		return nil
	case len(proofs) == 0:
		return &refusal{401, "use_session_binding", "This token requires a Session-Binding Proof"}
	case len(proofs) > 1:
		return invalidProof("more than one")
	case hit && (faulty("cache-by-token") || faulty("cache-skips-request-claims")):
		return nil
	case c.err != nil:
		return invalidProof("this connection has no exporter value of its own")
	}
	if refused := s.checkProof(proofs[0], ath, claims, r, c); refused != nil {
		return refused
	}
	cache.mutex.Lock()
	cache.verified[ath] = true
	cache.mutex.Unlock()
	return nil
}

// ---- the access token

type issuer struct {
	name, audience string
	keys           map[string]*ecdsa.PublicKey // by kid
}

func readIssuer(dir string) (found issuer, err error) {
	settings, err := readObject(filepath.Join(dir, "issuer.json"))
	if err != nil {
		return found, err
	}
	set, err := readObject(filepath.Join(dir, "jwks.json"))
	if err != nil {
		return found, err
	}
	var keys []object
	if err = json.Unmarshal(set["keys"], &keys); err != nil {
		return found, err
	}
	found = issuer{settings.str("issuer"), settings.str("audience"), map[string]*ecdsa.PublicKey{}}
	for _, jwk := range keys {
		x, errX := strict.DecodeString(jwk.str("x"))
		y, errY := strict.DecodeString(jwk.str("y"))
		if jwk.str("crv") == "P-256" && errX == nil && errY == nil {
			key := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(x), Y: new(big.Int).SetBytes(y)}
			found.keys[jwk.str("kid")] = key
		}
	}
	return found, nil
}

// hasAudience reads aud, which is one string or an array of them (RFC 7519 §4.1.3).
func hasAudience(claims object, want string) bool {
	var many []string
	if json.Unmarshal(claims["aud"], &many) != nil {
		many = []string{claims.str("aud")}
	}
	return want != "" && slices.Contains(many, want)
}

func (s *server) checkToken(token, path string, c *connection) (object, *refusal) {
	jws, err := parse(token)
	if err != nil {
		return nil, invalidToken("malformed access token")
	}
	key, known := s.issuer.keys[jws.header.str("kid")]
	claims, cnf := jws.claims, jws.claims.object("cnf")
	now, exp, nbf := s.now(), claims.number("exp"), claims.number("nbf")
	switch {
	case !jws.isType("at+jwt"):
		return nil, invalidToken("not an access token")
	case !known || !jws.verify(key):
		return nil, invalidToken("signature of the access token")
	case claims.str("iss") != s.issuer.name:
		return nil, invalidToken("another issuer")
	case !hasAudience(claims, s.issuer.audience) && !faulty("token-audience-not-checked"):
		return nil, invalidToken("another audience")
	case (exp == nil || *exp <= now) && !faulty("token-expiry-not-checked"):
		return nil, invalidToken("the access token has expired")
	case claims.has("nbf") && (nbf == nil || *nbf > now):
		return nil, invalidToken("the access token is not valid yet")
	case c.certificate == nil:
		return nil, invalidToken("no client certificate")
	case !equal(cnf.str("x5t#S256"), c.thumbprint) && !faulty("token-x5t-not-compared"):
		return nil, invalidToken("the access token is bound to another certificate")
	case !cnf.has("tls_exp") && faulty("tls-exp-optional"):
	case cnf.str("tls_exp") != label: // §2.4 leaves no other label, and 5d no token without
		return nil, invalidToken("the access token is not bound to the TLS session")
	case path == "/api/admin" && !slices.Contains(strings.Split(claims.str("scope"), " "), "resource.admin"):
		return nil, &refusal{403, "insufficient_scope", "resource.admin is needed"}
	}
	return claims, nil
}

// ---- the proof

func (s *server) checkProof(proof, ath string, token object, r *http.Request, c *connection) *refusal {
	jws, err := parse(proof)
	if err != nil {
		return invalidProof("malformed")
	}
	past, future := window()
	claims, iat, jti := jws.claims, jws.claims.number("iat"), jws.claims.str("jti")
	unsigned := faulty("signature-not-verified") || faulty("alg-from-header") && jws.header.str("alg") == "none"
	switch {
	case !jws.isType("tls-binding-proof+jwt") && !faulty("proof-typ-not-checked"):
		return invalidProof("typ")
	case !unsigned && !jws.verify(c.certificate.PublicKey):
		return invalidProof("signature")
	case !equal(jws.header.str("x5t#S256"), c.thumbprint) && !faulty("proof-x5t-not-compared"):
		return invalidProof("certificate thumbprint mismatch")
	case !equal(claims.str("ekm"), c.ekm) && !faulty("ekm-not-compared"):
		return invalidProof("exporter mismatch")
	case !equal(claims.str("ath"), ath) && !faulty("ath-not-compared"):
		return invalidProof("access token hash mismatch")
	case iat == nil:
		return invalidProof("no iat")
	case (s.now()-*iat > past || *iat-s.now() > future) && !faulty("iat-not-checked"):
		return invalidProof("iat outside the window")
	case claims.has("htm") && claims.str("htm") != r.Method && !faulty("htm-not-compared"):
		return invalidProof("htm mismatch")
	case claims.has("htu") && !isTarget(claims.str("htu"), r) && !faulty("htu-not-compared"):
		return invalidProof("htu mismatch")
	case claims.has("jti") && jti == "":
		return invalidProof("jti identifies nothing")
	case claims.has("jti") && !s.jtis.first(jti, s.now(), token.number("exp")) && !faulty("jti-not-remembered"):
		return invalidProof("jti reuse")
	}
	return nil
}

// isTarget tells whether htu is the target of r. The draft defines a URI and shows a path: both are taken (§2.3.2.2).
func isTarget(htu string, r *http.Request) bool {
	path := r.URL.EscapedPath()
	if htu == path && strings.HasPrefix(htu, "/") {
		return true
	}
	target, err := url.Parse(htu)
	if err != nil || strings.ContainsAny(htu, "?#") || target.User != nil || !strings.EqualFold(target.Scheme, "https") {
		return false
	}
	want := url.URL{Host: r.Host}
	port := func(u *url.URL) string {
		if u.Port() == "" {
			return "443"
		}
		return u.Port()
	}
	got := target.EscapedPath()
	if got == "" {
		got = "/"
	}
	return strings.EqualFold(target.Hostname(), want.Hostname()) && port(target) == port(&want) && got == path
}

// jtis are the values seen, each with the end of its token's life; any client's, as the draft has it (§2.3.2.2).
type jtis struct {
	mutex sync.Mutex
	seen  map[string]float64
}

func (j *jtis) first(jti string, now float64, exp *float64) bool {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	for old, end := range j.seen {
		if end < now {
			delete(j.seen, old)
		}
	}
	if _, again := j.seen[jti]; again || exp == nil {
		return false
	}
	j.seen[jti] = *exp
	return true
}
