package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"linewarden/storage"
)

// identity is who asks.
type identity struct {
	actor string // account id, for the ledger
	name  string // to show them who they are
	role  Role
}

type (
	callerKey     struct{} // of the identity that a door let in
	identifierKey struct{} // of the function that finds out who asks on this listener
)

// identifier finds out who asks.
type identifier func(*http.Request) (identity, error)

// Why someone is not let in.
var (
	errNobody   = errors.New("no token and no session")
	errUnknown  = errors.New("token is not valid")
	errStranger = errors.New("user has no role on this socket")
)

// forbidden says that a role lacks a right.
type forbidden struct {
	role Role
	need Action
}

func (f forbidden) Error() string { return fmt.Sprintf("role %s lacks: %s", f.role, f.need) }

// identify asks the listener's identifier.
func identify(r *http.Request) (identity, error) {
	who, ok := r.Context().Value(identifierKey{}).(identifier)
	if !ok {
		return identity{}, errNobody
	}
	return who(r)
}

// caller is who a door has let in.
func caller(ctx context.Context) identity {
	who, _ := ctx.Value(callerKey{}).(identity)
	return who
}

// remote identifies by bearer token or session cookie.
func (s *Server) remote(r *http.Request) (identity, error) {
	if r.Header.Get("Authorization") != "" {
		return s.bearer(r)
	}
	return s.signedIn(r)
}

// signedIn is who a request's session belongs to. The session's token is asked for each time: one that was revoked or has
// expired ends its sessions at once.
func (s *Server) signedIn(r *http.Request) (identity, error) {
	id := sessionID(r)
	secret, ok := s.sessions.secret(id, s.now())
	if !ok {
		return identity{}, errNobody
	}
	who, err := s.tokenHolder(r.Context(), secret)
	if errors.Is(err, errUnknown) {
		s.sessions.end(id)
		return identity{}, errNobody
	}
	return who, err
}

// local identifies by the peer's user id, or by bearer token where there is one.
func (s *Server) local(r *http.Request) (identity, error) {
	if r.Header.Get("Authorization") != "" {
		return s.bearer(r)
	}
	return s.peerIdentity(r.Context())
}

// bearer identifies by the token in the Authorization header (RFC 6750, 2.1).
func (s *Server) bearer(r *http.Request) (identity, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return identity{}, errUnknown
	}
	return s.signIn(r, strings.TrimSpace(secret))
}

// signIn checks a secret that someone presents. Failures are counted against the address they come from.
func (s *Server) signIn(r *http.Request, secret string) (identity, error) {
	from := clientAddr(r)
	if wait := s.failures.wait(from, s.now()); wait > 0 {
		return identity{}, throttled(wait)
	}
	who, err := s.tokenHolder(r.Context(), secret)
	if errors.Is(err, errUnknown) {
		s.failures.count(from, s.now())
	}
	return who, err
}

// tokenHolder is who a token was made for.
func (s *Server) tokenHolder(ctx context.Context, secret string) (identity, error) {
	t, err := s.archive.CheckToken(ctx, secret)
	if errors.Is(err, storage.ErrNoToken) {
		return identity{}, errUnknown
	}
	if err != nil {
		return identity{}, fmt.Errorf("check token: %w", err)
	}
	return identity{actor: "token:" + t.ID, name: t.Name, role: Role(t.Role)}, nil
}
