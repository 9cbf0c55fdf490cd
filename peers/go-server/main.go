// A resource server for TLS-session-bound access tokens (draft-mw-oauth-tls-session-bound-tokens-06) on Go's standard
// library alone: crypto/tls, net/http and encoding/json. Written from the draft, and deliberately without a look at
// ekmcheck's own checks: where the two disagree, one of them misread the draft. Section numbers (§) are the draft's.
//
//	go-server --bundle DIR [--port N] [--fault NAME] [--habit NAME]
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
)

const label = "EXPORTER-oauth-tls-session-bound"

// Each fault is one mistake that a real server makes; without -fault none is made.
var faults = []string{
	"no-context-exporter",         // nil for the context, not an empty slice (TLS 1.2 tells them apart)
	"long-exporter",               // 48 octets, cut to 32 (an export's length is part of its derivation only in TLS 1.3)
	"ekm-not-compared",            // the exporter value in the proof is not compared
	"ath-not-compared",            // the token hash in the proof is not compared
	"iat-not-checked",             // a proof of any age is taken
	"htm-not-compared",            // the method in the proof is not compared
	"htu-not-compared",            // the target URI in the proof is not compared
	"jti-not-remembered",          // a proof with jti may come again
	"alg-from-header",             // the header of the proof chooses the algorithm, and it may choose none
	"signature-not-verified",      // the claims of the proof are read, its signature is not verified
	"proof-typ-not-checked",       // any signed JWT will do for a proof
	"proof-x5t-not-compared",      // the thumbprint in the header of the proof is not compared
	"token-x5t-not-compared",      // cnf.x5t#S256 of the token is not compared with the client certificate
	"token-expiry-not-checked",    // a token lives for ever
	"token-audience-not-checked",  // a token for another server is taken
	"tls-exp-optional",            // a token without cnf.tls_exp is served without a proof
	"proof-optional-after-first",  // once a token was bound on a connection, no proof is asked for
	"cache-by-token",              // a verified binding is cached by the token alone, for all connections
	"cache-skips-request-claims",  // on a hit, htm, htu and jti are not looked at
	"status-403",                  // refusals of the proof come with 403
	"no-challenge",                // refusals come without WWW-Authenticate
	"missing-proof-invalid-proof", // a missing proof is called an invalid one
}

var fault string

func faulty(name string) bool { return fault == name }

// connection is what the server knows of one TLS connection; it lives in the context of that connection's requests.
type connection struct {
	once        sync.Once
	certificate *x509.Certificate
	thumbprint  string
	ekm         string // in base64url, as the proof has it
	err         error
	mutex       sync.Mutex
	requests    atomic.Int64
	verified    map[string]bool // ath of tokens bound here; only faults look at it: the cache is an option (§3.3.2)
}

type connectionKey struct{}

// derive is for the first request: ConnContext comes before the handshake. The state of a connection does not change
// afterwards, since a server of crypto/tls never renegotiates.
func (c *connection) derive(state *tls.ConnectionState) {
	c.once.Do(func() {
		if len(state.PeerCertificates) == 0 {
			c.err = fmt.Errorf("no client certificate")
			return
		}
		c.certificate = state.PeerCertificates[0]
		c.thumbprint = thumbprint(c.certificate.Raw)
		// An empty slice is a context that is present and zero-length, nil is none (§2.2, RFC 5705 §4).
		exporterContext, length := []byte{}, 32
		if faulty("no-context-exporter") {
			exporterContext = nil
		}
		if faulty("long-exporter") {
			length = 48
		}
		// It fails in TLS 1.2 without the extended master secret: the value would not be this connection's alone.
		value, err := state.ExportKeyingMaterial(label, exporterContext, length)
		if c.err = err; err == nil {
			c.ekm = strict.EncodeToString(value[:32])
		}
	})
}

type server struct {
	issuer   issuer
	now      func() float64
	jtis     jtis
	anywhere connection // only for the fault cache-by-token
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, ok := r.Context().Value(connectionKey{}).(*connection)
	if !ok || r.TLS == nil {
		http.Error(w, "not a TLS connection", http.StatusInternalServerError)
		return
	}
	c.derive(r.TLS)
	w.Header().Set("Content-Type", "application/json")
	if refused := s.authorize(r, c); refused != nil {
		s.refuse(w, refused)
		return
	}
	io.WriteString(w, `{"resource":"ok"}`)
}

// refuse is the one place that knows the wire (§3.5, RFC 6750 §3).
func (s *server) refuse(w http.ResponseWriter, refused *refusal) {
	status, code := refused.status, refused.code
	ofProof := code == "invalid_proof" || code == "use_session_binding"
	if ofProof && faulty("status-403") {
		status = http.StatusForbidden
	}
	if code == "use_session_binding" && faulty("missing-proof-invalid-proof") {
		code = "invalid_proof"
	}
	challenge := "Bearer"
	if code != "" {
		challenge = fmt.Sprintf("Bearer error=%q, error_description=%q", code, refused.why)
	}
	if !faulty("no-challenge") {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": code})
}

func main() {
	bundle := flag.String("bundle", "", "directory with server/{server.pem,server.key,client-ca.pem,jwks.json,issuer.json}")
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 lets the system choose")
	list := flag.Bool("faults", false, "list the faults")
	flag.StringVar(&fault, "fault", "", "make this one mistake")
	listHabits := flag.Bool("habits", false, "list the habits")
	flag.StringVar(&habit, "habit", "", "have this one habit")
	flag.Parse()
	log.SetFlags(0)
	if *list {
		for _, name := range faults {
			fmt.Println(name)
		}
		return
	}
	if *listHabits {
		for _, name := range habits {
			fmt.Println(name)
		}
		return
	}
	if habit != "" && !slices.Contains(habits, habit) {
		log.Fatalf("unknown habit %s; -habits lists them", habit)
	}
	if *bundle == "" || fault != "" && !slices.Contains(faults, fault) {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(filepath.Join(*bundle, "server"), *port); err != nil {
		log.Fatal(err)
	}
}

func run(dir string, port int) error {
	issuer, err := readIssuer(dir)
	if err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	if err != nil {
		return err
	}
	anchors, err := os.ReadFile(filepath.Join(dir, "client-ca.pem"))
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(anchors) {
		return fmt.Errorf("client-ca.pem: no certificate")
	}
	handler := &server{issuer: issuer, now: clock, jtis: jtis{seen: map[string]float64{}}}
	handler.anywhere.verified = map[string]bool{}
	outer := withHabits(handler)
	http := &http.Server{
		Handler: outer,
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{certificate},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    clients,
			MinVersion:   tls.VersionTLS12,
		},
		ConnContext: func(parent context.Context, _ net.Conn) context.Context {
			return context.WithValue(parent, connectionKey{}, &connection{verified: map[string]bool{}})
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	outer.settings(http)
	listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", address(), port))
	if err != nil {
		return err
	}
	fmt.Printf("ready https://%s:%d\n", name(), listener.Addr().(*net.TCPAddr).Port)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.ServeTLS(listener, "", "")
}
