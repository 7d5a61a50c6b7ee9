package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// maxHeld bounds an error's body that is held back, in bytes; net/http's and huma's are far shorter.
const maxHeld = 64 << 10

// answer is a response on its way out. Errors that net/http words in its own way become problem documents, and where a
// person looks at it, a page.
type answer struct {
	http.ResponseWriter
	r      *http.Request
	status int           // 0: nothing was sent
	held   *bytes.Buffer // body of an error that is to be worded anew; nil otherwise
}

// WriteHeader is http.ResponseWriter's.
func (a *answer) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	a.status = status
	asItIs := status < http.StatusBadRequest
	switch contentType := a.Header().Get("Content-Type"); {
	case strings.HasPrefix(contentType, "text/html"):
		asItIs = true
	case contentType == problemType:
		asItIs = !wantsPage(a.r)
	}
	if asItIs {
		a.ResponseWriter.WriteHeader(status)
		return
	}
	a.held = new(bytes.Buffer)
}

// Write is http.ResponseWriter's.
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if a.held == nil {
		return a.ResponseWriter.Write(b)
	}
	a.held.Write(b[:min(len(b), maxHeld-a.held.Len())])
	return len(b), nil
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// wantsPage says whether a person will look at the answer. Programs do not ask for HTML.
func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// problem is what a held error says.
func (a *answer) problem() *huma.ErrorModel {
	var p huma.ErrorModel
	if a.Header().Get("Content-Type") == problemType && json.Unmarshal(a.held.Bytes(), &p) == nil {
		return &p
	}
	switch a.status {
	case http.StatusNotFound:
		return problem(a.status, "There is nothing at this address.")
	case http.StatusMethodNotAllowed:
		return problem(a.status, "This address takes "+a.Header().Get("Allow")+".")
	}
	return problem(a.status, strings.TrimSpace(a.held.String()))
}

// outward wraps everything that is served: headers that every answer has, errors in one form, and a handler that panics
// costs one request.
func (s *Server) outward(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		a := &answer{ResponseWriter: w, r: r}
		defer s.settle(a)
		next.ServeHTTP(a, r)
	})
}

// settle sends an error that was held back, or says that a handler has panicked.
func (s *Server) settle(a *answer) {
	switch v := recover(); {
	case v == nil:
	case v == http.ErrAbortHandler:
		panic(v)
	default:
		s.log.Error("handler panicked", "panic", v, "stack", string(debug.Stack()))
		if a.status != 0 && a.held == nil {
			panic(http.ErrAbortHandler) // half an answer must not look whole
		}
		a.status, a.held = http.StatusInternalServerError, bytes.NewBufferString("Something went wrong here. It has been logged.")
		a.Header().Set("Content-Type", "text/plain")
	}
	if a.held == nil {
		return
	}
	p := a.problem()
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Disposition", "Etag", "Last-Modified"} {
		a.Header().Del(name) // they were the body's that is not sent
	}
	if wantsPage(a.r) {
		s.showProblem(a.ResponseWriter, a.r, p)
		return
	}
	writeProblem(a.ResponseWriter, p)
}

// contentPolicy lets a page have what this server gives it and nothing else: no inline script or style, no frame around it.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	// Nobody else learns where a link was followed. "no-referrer" would also make browsers send the origin of our own forms as
	// "null" (Fetch, 3.2), and over plain HTTP in a private network that origin is all there is to tell them from forged ones.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store, private") // RFC 9111, 5.2.2.5
}
