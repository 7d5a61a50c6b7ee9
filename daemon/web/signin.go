package web

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// signInBody is what the sign-in page shows.
type signInBody struct {
	Next    string // where to go afterwards
	Unknown bool   // the token was not valid
	Wait    int    // seconds, after too many failures
}

// signInPage asks for a token.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) {
	next := localPath(r.URL.Query().Get("next"))
	if _, err := s.signedIn(r); err == nil {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	s.showSignIn(w, http.StatusOK, signInBody{Next: next})
}

func (s *Server) showSignIn(w http.ResponseWriter, status int, body signInBody) {
	s.show(w, status, "sign-in", identity{}, view{Title: "Sign in", Body: body})
}

// signInForm begins a session for a token. The session's id is new each time, whatever cookie came with the request.
func (s *Server) signInForm(w http.ResponseWriter, r *http.Request) {
	if !s.readForm(w, r) {
		return
	}
	next, secret := localPath(r.PostForm.Get("next")), strings.TrimSpace(r.PostForm.Get("token"))
	_, err := s.signIn(r, secret)
	var wait throttled
	switch {
	case errors.As(err, &wait):
		seconds := int(math.Ceil(time.Duration(wait).Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		s.showSignIn(w, http.StatusTooManyRequests, signInBody{Next: next, Wait: seconds})
	case errors.Is(err, errUnknown):
		w.Header().Set("WWW-Authenticate", `Bearer realm="linewarden"`) // RFC 9110, 15.5.2
		s.showSignIn(w, http.StatusUnauthorized, signInBody{Next: next, Unknown: true})
	case err != nil:
		s.refuse(w, r, err)
	default:
		s.sessions.end(sessionID(r))
		setSession(w, r, s.sessions.begin(secret, s.now()))
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

// signOutForm ends the session.
func (s *Server) signOutForm(w http.ResponseWriter, r *http.Request) {
	s.sessions.end(sessionID(r))
	setSession(w, r, "")
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}

// askToSignIn leads a person without a session to the sign-in page.
func (s *Server) askToSignIn(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && fromElsewhere(r) {
		// A link on another site, such as the helpdesk, was followed, and the browser has kept the strict cookie to itself. A page
		// of ours that loads the same address makes it a request of our own; that one comes with the cookie, if there is one.
		s.show(w, http.StatusOK, "return", identity{}, view{Title: "One moment", Body: localPath(r.URL.RequestURI())})
		return
	}
	back := r.URL.RequestURI()
	if r.Method != http.MethodGet {
		back = "/" // a form cannot be sent again; the page it was on can be shown
		if page, err := url.Parse(r.Referer()); err == nil && page.Host == r.Host {
			back = page.RequestURI()
		}
	}
	http.Redirect(w, r, "/sign-in?"+url.Values{"next": {localPath(back)}}.Encode(), http.StatusSeeOther)
}

// fromElsewhere says whether a link on another site was followed. Browsers say so where the connection is one they trust, and
// elsewhere tell the site.
func fromElsewhere(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "cross-site"
	}
	from, err := url.Parse(r.Referer())
	return err == nil && from.Host != "" && from.Host != r.Host
}

// localPath is an address on this server, or its first page when next is anything else.
func localPath(next string) string {
	u, err := url.Parse(next) // which refuses control characters
	if err != nil || u.Scheme != "" || u.Opaque != "" || u.Host != "" || u.User != nil ||
		!strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(next, `\`) || strings.HasPrefix(u.Path, "/sign-in") {
		return "/"
	}
	return u.RequestURI()
}
