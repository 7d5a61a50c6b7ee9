// Package web serves the API and the console over HTTP: it finds out who asks, lets them do what their role may, and words
// the answers. What recordings are, and how they are kept, found and read, is left to package storage.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"linewarden/storage"
)

// Config says what is served.
type Config struct {
	Archive *storage.Archive
	Version string // of the program
	// Group is the unix group whose members have SocketRole over the local socket; "" is none.
	Group      string
	SocketRole Role
	// Ready names the parts that are not ready to do their work; none when all are. Its answer is public.
	Ready func() []string
	// Status is what GET /v1/status answers: anything that encodes as JSON and names no person.
	Status func() any
	Log    *slog.Logger
	Now    func() time.Time // nil is time.Now
}

// Server answers HTTP requests. Its handlers may be used on several listeners.
type Server struct {
	c        Config
	log      *slog.Logger
	now      func() time.Time
	archive  *storage.Archive
	sessions *sessions
	failures *throttle
	pages    *pages
	routes   *router
}

// New makes a server.
func New(c Config) (*Server, error) {
	if c.Archive == nil {
		return nil, errors.New("web: no archive")
	}
	if c.Group != "" && !ValidRole(c.SocketRole) {
		return nil, fmt.Errorf("role %q of the local socket's group is none of %v", c.SocketRole, Roles())
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Ready == nil {
		c.Ready = func() []string { return nil }
	}
	if c.Status == nil {
		c.Status = func() any { return struct{}{} }
	}
	s := &Server{
		c: c, log: c.Log, now: c.Now, archive: c.Archive,
		sessions: newSessions(), failures: newThrottle(),
	}
	var err error
	if s.pages, err = loadPages(); err != nil {
		return nil, err
	}
	s.routes = &router{ServeMux: http.NewServeMux(), refuse: s.refuse}
	s.registerHealth()
	if err := s.registerAPI(); err != nil {
		return nil, err
	}
	s.registerConsole()
	return s, nil
}

// Handler serves the network: a token or a session says who asks.
func (s *Server) Handler() http.Handler { return s.handler(s.remote) }

// LocalHandler serves a unix socket, with ConnContext: the peer's user id says who asks, unless it sends a token.
func (s *Server) LocalHandler() http.Handler { return s.handler(s.local) }

func (s *Server) handler(who identifier) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, problem(http.StatusForbidden, "Another site has sent you here to change something. That is not done."))
	}))
	return s.outward(crossOrigin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.routes.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identifierKey{}, who)))
	})))
}
