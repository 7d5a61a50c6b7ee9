package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
)

// sourceAPI is how a ticket became known that was linked here.
const sourceAPI = "api"

type linkInput struct {
	TicketInput
	RecordingInput
}

func (s *Server) registerLinks(api huma.API) {
	path := "/v1/tickets/{ticket}/recordings/{id}"
	huma.Register(api, operation("PUT", path, "link-recording", "Put a ticket on a recording"), s.link)
	huma.Register(api, operation("DELETE", path, "unlink-recording", "Take a ticket off a recording"), s.unlink)
}

// link may be repeated.
func (s *Server) link(ctx context.Context, in *linkInput) (*struct{}, error) {
	if err := s.archive.Link(ctx, caller(ctx).actor, in.ID, in.Ticket, sourceAPI); err != nil {
		return nil, s.refusal(ctx, "link recording", in.ID, err)
	}
	return nil, nil
}

// unlink may be repeated.
func (s *Server) unlink(ctx context.Context, in *linkInput) (*struct{}, error) {
	if err := s.archive.Unlink(ctx, caller(ctx).actor, in.ID, in.Ticket); err != nil {
		return nil, s.refusal(ctx, "unlink recording", in.ID, err)
	}
	return nil, nil
}
