package web

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linewarden/storage"
)

const problemType = "application/problem+json" // RFC 9457, 3

// retryAfter is how long a client is asked to wait when something behind us is away, in seconds.
const retryAfter = 5

const (
	unavailableDetail = "The archive cannot do this just now, and has done nothing. Try again in a moment."
	badTicketDetail   = "A ticket begins with a letter or digit and has at most 64 letters, digits and . _ : # / -"
	badPlayDetail     = "Reason, ticket and range go into the ledger and must be short plain texts."
	badTokenDetail    = "A token's name is a plain text of at most 64 bytes."
)

// problem is an error document (RFC 9457).
func problem(status int, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}
}

// withHeader adds a header to a problem's response.
func withHeader(p *huma.ErrorModel, name, value string) error {
	return huma.ErrorWithHeaders(p, http.Header{name: {value}})
}

// writeProblem answers with a problem document.
func writeProblem(w http.ResponseWriter, p *huma.ErrorModel) {
	b, err := json.Marshal(p)
	if err != nil { // a value that a client sent and that was echoed
		p.Errors = nil
		b, _ = json.Marshal(p) // strings and a number
	}
	w.Header().Set("Content-Type", problemType)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)+1))
	w.WriteHeader(p.Status)
	w.Write(append(b, '\n')) // a client that is gone is nothing to report
}

// refuse answers a request with what its error is over HTTP.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	err = s.refusal(r.Context(), "answer a request", "", err)
	var headers huma.HeadersError
	if errors.As(err, &headers) {
		for name, values := range headers.GetHeaders() {
			w.Header()[name] = values
		}
	}
	var p *huma.ErrorModel
	if !errors.As(err, &p) {
		p = problem(http.StatusInternalServerError, "")
	}
	writeProblem(w, p)
}

// refusal is what an error is over HTTP: a problem, with headers where they help. An error that a client can do nothing
// about is logged, with what was being done and to which recording.
func (s *Server) refusal(ctx context.Context, doing, rec string, err error) error {
	var ready *huma.ErrorModel
	switch {
	case errors.As(err, &ready):
		return err
	case errors.Is(err, storage.ErrNotFound):
		return problem(http.StatusNotFound, "There is no such recording or token. A call is found a few seconds after it ends.")
	case errors.Is(err, storage.ErrBadTicket):
		return problem(http.StatusUnprocessableEntity, badTicketDetail)
	case errors.Is(err, storage.ErrBadPlay):
		return problem(http.StatusUnprocessableEntity, badPlayDetail)
	case errors.Is(err, storage.ErrBadToken):
		return problem(http.StatusUnprocessableEntity, badTokenDetail)
	case errors.Is(err, storage.ErrNoIdentity):
		return problem(http.StatusNotImplemented, "This node stores recordings and has no key to read them with. Ask a node that has.")
	}
	if p := s.notLetIn(err); p != nil {
		return p
	}
	if ctx.Err() == nil { // else the client is gone, and that is all there is to it
		args := []any{"error", err}
		if rec != "" {
			args = append(args, "rec", rec)
		}
		s.log.Error(doing, args...)
	}
	return withHeader(problem(http.StatusServiceUnavailable, unavailableDetail), "Retry-After", strconv.Itoa(retryAfter))
}

// notLetIn is what an error of a door is over HTTP; nil for any other error.
func (s *Server) notLetIn(err error) error {
	var lacking forbidden
	var wait throttled
	switch {
	case errors.As(err, &lacking):
		return problem(http.StatusForbidden, "The role "+string(lacking.role)+" does not have the right to: "+lacking.need.String()+".")
	case errors.As(err, &wait):
		seconds := strconv.Itoa(int(math.Ceil(time.Duration(wait).Seconds())))
		return withHeader(problem(http.StatusTooManyRequests, "Too many sign-ins have failed from this address. Wait "+seconds+" s."),
			"Retry-After", seconds)
	case errors.Is(err, errStranger):
		detail := "Your user may not use this socket. Root and the service's own user may"
		if s.c.Group != "" {
			detail += ", and members of the group " + s.c.Group
		}
		return problem(http.StatusForbidden, detail+".")
	case errors.Is(err, errUnknown): // RFC 6750, 3
		return withHeader(problem(http.StatusUnauthorized, "The token is not valid: it is unknown, expired or revoked."),
			"Www-Authenticate", `Bearer realm="linewarden", error="invalid_token"`)
	case errors.Is(err, errNobody):
		return withHeader(problem(http.StatusUnauthorized, "Send a token: Authorization: Bearer lw_…"),
			"Www-Authenticate", `Bearer realm="linewarden"`)
	}
	return nil
}
