package web

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

const (
	// sessionIdle is how long a session lasts that nobody uses.
	sessionIdle = 30 * time.Minute
	// sessionLife is how long any session lasts: a working day and the overtime.
	sessionLife = 12 * time.Hour
	// maxSessions bounds memory; the session that was idle for longest makes room.
	maxSessions = 4096
)

// session is a browser that has signed in. It holds the token's secret, so that the token can be asked for at every
// request; it is in memory only, and a restart signs everybody out.
type session struct {
	token         string
	created, used time.Time
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.used) >= sessionIdle || now.Sub(s.created) >= sessionLife
}

// sessions are the sessions of the console.
type sessions struct {
	mu sync.Mutex
	// Guarded by mu.
	byID map[string]*session
}

func newSessions() *sessions { return &sessions{byID: make(map[string]*session)} }

// begin makes a session with an id that nobody can have planted.
func (s *sessions) begin(token string, now time.Time) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoomLocked(now)
	id = rand.Text()
	s.byID[id] = &session{token: token, created: now, used: now}
	return id
}

// secret is the token of a session that is not over, and keeps it from being idle.
func (s *sessions) secret(id string, now time.Time) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byID[id]
	if found == nil {
		return "", false
	}
	if found.over(now) {
		delete(s.byID, id)
		return "", false
	}
	found.used = now
	return found.token, true
}

// end ends a session, if there is one.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

func (s *sessions) makeRoomLocked(now time.Time) {
	if len(s.byID) < maxSessions {
		return
	}
	var oldest string
	for id, found := range s.byID {
		if found.over(now) {
			delete(s.byID, id)
			continue
		}
		if oldest == "" || found.used.Before(s.byID[oldest].used) {
			oldest = id
		}
	}
	if len(s.byID) >= maxSessions {
		delete(s.byID, oldest)
	}
}

// Names of the session's cookie. Where the connection is encrypted the prefix makes the browser insist that the cookie was
// set over such a connection and by this host alone (RFC 6265bis, 4.1.3.2), so that no neighbour can plant one.
const (
	cookiePlain  = "linewarden"
	cookieSecure = "__Host-linewarden"
)

// encrypted says whether the browser speaks TLS, to us or to a proxy. A client that lies about it only gets a cookie that
// its browser will not send back.
func encrypted(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

func cookieName(r *http.Request) string {
	if encrypted(r) {
		return cookieSecure
	}
	return cookiePlain
}

// sessionID is the session that a request claims to belong to.
func sessionID(r *http.Request) string {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return ""
	}
	return c.Value
}

// setSession gives the browser a session, or with an empty id takes it away.
func setSession(w http.ResponseWriter, r *http.Request, id string) {
	c := &http.Cookie{
		Name: cookieName(r), Value: id, Path: "/", Secure: encrypted(r), HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if id == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
