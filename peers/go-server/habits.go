package main

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Each habit is something that right servers do; nobody may blame this one for it. Without -habit it has none.
var habits = []string{
	"closes-after-each-answer",  // ends the connection after each answer
	"closes-after-each-refusal", // ends the connection after each refusal
	"hundred-requests",          // ends a connection after its hundredth request
	"thousand-requests",         // ends a connection after its thousandth request
	"ends-before-an-answer",     // ends the connection at every 23rd request instead of answering, in HTTP/1.1
	"brake-on-refusals",         // 429 with Retry-After when 60 requests were refused within a second
	"busy-now-and-then",         // 503 with Retry-After at every 211th request
	"two-bearer-challenges",     // a Bearer challenge of another realm before its own, in one field
	"challenges-in-two-fields",  // a Bearer challenge of another realm in a field of its own
	"escaped-quotes",            // a realm with escaped quotes and commas
	"long-challenge",            // a realm of 3,000 characters
	"unknown-methods-501",       // 501 for methods that it does not know, whoever asks
	"answers-of-128-kb",         // answers of 131,072 octets
	"answers-of-8-mb",           // an answer of 8 MiB at every 50th request
	"refusals-of-200-kb",        // refusals of 200,000 octets
	"chunked",                   // the length of answers is not said beforehand
	"early-hints",               // 103 before each answer (RFC 8297)
	"no-content",                // 204 for right requests
	"slow",                      // 30 ms for each answer
	"no-resumption",             // no session is resumed
	"ipv6",                      // listens at an IPv6 address and is called by it
	"clock-30-s-ahead",          // its clock is 30 seconds ahead
	"window-of-20-s",            // allows iat 20 seconds past and 20 ahead
}

var habit string

func has(name string) bool { return habit == name }

// address is where the server listens, without the port.
func address() string {
	if has("ipv6") {
		return "[::1]"
	}
	return "127.0.0.1"
}

// name is what clients call it.
func name() string {
	if has("ipv6") {
		return "[::1]"
	}
	return "localhost"
}

func window() (past, ahead float64) {
	if has("window-of-20-s") {
		return 20, 20
	}
	return iatPast, iatFuture
}

func clock() float64 {
	now := unixNow()
	if has("clock-30-s-ahead") {
		now += 30
	}
	return now
}

func (habitual) settings(server *http.Server) {
	if has("no-resumption") {
		server.TLSConfig.SessionTicketsDisabled = true
	}
}

// habitual is a server with a habit.
type habitual struct {
	http.Handler
	all      *atomic.Int64
	mutex    *sync.Mutex
	refusals *[]time.Time
}

func withHabits(handler http.Handler) habitual {
	return habitual{handler, new(atomic.Int64), new(sync.Mutex), new([]time.Time)}
}

func (h habitual) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	all := h.all.Add(1)
	onConnection := int64(0)
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
		onConnection = c.requests.Add(1)
	}
	switch known := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"}; {
	case has("ends-before-an-answer") && r.ProtoMajor == 1 && all%23 == 0:
		panic(http.ErrAbortHandler)
	case has("busy-now-and-then") && all%211 == 0, has("brake-on-refusals") && h.refusedLately() >= 60:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(map[bool]int{true: 503, false: 429}[has("busy-now-and-then")])
		return
	case has("unknown-methods-501") && !slices.Contains(known, r.Method):
		w.WriteHeader(501)
		return
	case has("early-hints"):
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(103)
		w.Header().Del("Link")
	case has("slow"):
		time.Sleep(30 * time.Millisecond)
	}
	kept := &answer{header: w.Header(), status: 200}
	h.Handler.ServeHTTP(kept, r)
	h.send(w, kept, all, onConnection)
}

func (h habitual) send(w http.ResponseWriter, kept *answer, all, onConnection int64) {
	refused, right := kept.status == 401, kept.status == 200
	if refused {
		h.mutex.Lock()
		*h.refusals = append(*h.refusals, time.Now())
		h.mutex.Unlock()
		challenge := w.Header().Get("WWW-Authenticate")
		switch habit {
		case "two-bearer-challenges":
			w.Header().Set("WWW-Authenticate", `Bearer realm="other", `+challenge)
		case "challenges-in-two-fields":
			w.Header()["Www-Authenticate"] = []string{`Bearer realm="other", error="invalid_token"`, challenge}
		case "escaped-quotes":
			w.Header().Set("WWW-Authenticate", realm(challenge, `the \"inner\", or \\ outer`))
		case "long-challenge":
			w.Header().Set("WWW-Authenticate", realm(challenge, strings.Repeat("r", 3000)))
		}
	}
	if has("closes-after-each-answer") || has("closes-after-each-refusal") && refused ||
		has("hundred-requests") && onConnection >= 100 || has("thousand-requests") && onConnection >= 1000 {
		w.Header().Set("Connection", "close")
	}
	content := kept.content.Bytes()
	switch {
	case has("answers-of-128-kb") && right:
		content = bytes.Repeat([]byte("x"), 131_072)
	case has("answers-of-8-mb") && right && all%50 == 1:
		content = bytes.Repeat([]byte("x"), 8<<20)
	case has("refusals-of-200-kb") && refused:
		content = bytes.Repeat([]byte("x"), 200_000)
	case has("no-content") && right:
		kept.status, content = 204, nil
	}
	w.WriteHeader(kept.status)
	if has("chunked") {
		w.(http.Flusher).Flush()
	}
	w.Write(content)
}

// realm puts a realm before the parameters of a Bearer challenge.
func realm(challenge, text string) string {
	_, parameters, some := strings.Cut(challenge, " ")
	if !some {
		return fmt.Sprintf(`Bearer realm="%s"`, text)
	}
	return fmt.Sprintf(`Bearer realm="%s", %s`, text, parameters)
}

func (h habitual) refusedLately() int {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	lately := time.Now().Add(-time.Second)
	*h.refusals = slices.DeleteFunc(*h.refusals, func(at time.Time) bool { return at.Before(lately) })
	return len(*h.refusals)
}

// answer is what a handler says, kept until the habit has had its say.
type answer struct {
	header  http.Header
	status  int
	content bytes.Buffer
}

func (a *answer) Header() http.Header               { return a.header }
func (a *answer) WriteHeader(status int)            { a.status = status }
func (a *answer) Write(content []byte) (int, error) { return a.content.Write(content) }
