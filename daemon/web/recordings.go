package web

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linewarden/storage/catalog"
)

// recording is a recording as the API describes it.
type recording struct {
	ID          string     `json:"id"`
	State       string     `json:"state" doc:"stored: it is in the vault and has been compared"`
	StartedAt   time.Time  `json:"started_at"`
	EndedAt     *time.Time `json:"ended_at,omitempty"`
	DurationMS  int64      `json:"duration_ms"`
	Channels    int        `json:"channels" doc:"one for each participant's stream"`
	Tickets     []link     `json:"tickets"`
	Caller      string     `json:"caller,omitempty" doc:"only for roles that may see who spoke"`
	Callee      string     `json:"callee,omitempty" doc:"only for roles that may see who spoke"`
	Direction   string     `json:"direction,omitempty"`
	Trunk       string     `json:"trunk,omitempty"`
	Route       string     `json:"route,omitempty"`
	Purposes    []string   `json:"purposes" doc:"why it is kept"`
	Interrupted bool       `json:"interrupted,omitempty" doc:"the recorder stopped while the call went on"`
	SHA256      string     `json:"sha256,omitempty" doc:"of audio.wav, hex"`
	Size        int64      `json:"size,omitempty" doc:"of audio.wav, in bytes"`
	URL         string     `json:"url"`
	AudioURL    string     `json:"audio_url,omitempty"`
}

// link is a ticket on a recording.
type link struct {
	Ticket   string    `json:"ticket"`
	Source   string    `json:"source,omitempty" doc:"how it became known"`
	LinkedAt time.Time `json:"linked_at"`
}

const partAudio, partPeaks, partManifest = "audio.wav", "peaks.json", "manifest.json"

// describe is a recording for a role's eyes.
func describe(r catalog.Recording, role Role) recording {
	v := recording{
		ID: r.ID, State: r.State, StartedAt: r.StartedAt.UTC(), DurationMS: r.DurationMS, Channels: r.Channels,
		Tickets: []link{}, Direction: r.Direction, Trunk: r.Trunk, Route: r.Route,
		Purposes: append([]string{}, r.Purposes...), Interrupted: r.Interrupted,
		URL: "/v1/recordings/" + url.PathEscape(r.ID),
	}
	if !r.EndedAt.IsZero() {
		ended := r.EndedAt.UTC()
		v.EndedAt = &ended
	}
	for _, l := range r.Tickets {
		v.Tickets = append(v.Tickets, link{l.Ticket, l.Source, l.At.UTC()})
	}
	if r.Details != nil && role.may(Parties) {
		v.Caller, v.Callee = r.Details.Caller, r.Details.Callee
	}
	if p, ok := part(r, partAudio); ok {
		v.SHA256, v.Size, v.AudioURL = p.SHA256, p.Size, v.URL+"/audio"
	}
	return v
}

func describeAll(list []catalog.Recording, role Role) []recording {
	all := make([]recording, 0, len(list)) // [] in JSON, not null
	for _, r := range list {
		all = append(all, describe(r, role))
	}
	return all
}

func part(r catalog.Recording, name string) (catalog.Part, bool) {
	for _, p := range r.Parts {
		if p.Name == name {
			return p, true
		}
	}
	return catalog.Part{}, false
}

// RecordingInput names a recording in a path.
type RecordingInput struct {
	ID string `path:"id" pattern:"^[0-9A-HJKMNP-TV-Z]{26}$" patternDescription:"a recording's id" doc:"the recording, a ULID"`
}

// TicketInput names a ticket in a path.
type TicketInput struct {
	Ticket string `path:"ticket" maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9._:#/-]*$" patternDescription:"a ticket's number" doc:"the ticket, percent-encoded where it has / or #"`
}

type browseInput struct {
	Caller string    `query:"caller" maxLength:"64" pattern:"^[+ ]?[0-9][0-9 ()./-]*$" patternDescription:"a telephone number" doc:"number that called"`
	Agent  string    `query:"agent" maxLength:"64" pattern:"^[+ ]?[0-9][0-9 ()./-]*$" patternDescription:"a telephone number" doc:"number that was called"`
	From   time.Time `query:"from" doc:"started at or after"`
	To     time.Time `query:"to" doc:"started before"`
	State  string    `query:"state" maxLength:"32"`
	Limit  int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Before string    `query:"before" pattern:"^[0-9A-HJKMNP-TV-Z]{26}$" patternDescription:"a recording's id" doc:"only older than this recording: the last id of the page before"`
}

type (
	recordingOutput  struct{ Body recording }
	recordingsOutput struct{ Body []recording }
)

func (s *Server) registerRecordings(api huma.API) {
	huma.Register(api, operation("GET", "/v1/tickets/{ticket}/recordings", "list-ticket-recordings", "Recordings of a ticket"), s.ofTicket)
	huma.Register(api, operation("GET", "/v1/recordings", "list-recordings", "Recordings by number, time and state, newest first"), s.browse)
	huma.Register(api, operation("GET", "/v1/recordings/{id}", "get-recording", "One recording"), s.recording)
	path := "/v1/tickets/{ticket}/recordings/{id}"
	huma.Register(api, operation("PUT", path, "link-recording", "Put a ticket on a recording"), s.link)
	huma.Register(api, operation("DELETE", path, "unlink-recording", "Take a ticket off a recording"), s.unlink)
}

func (s *Server) ofTicket(ctx context.Context, in *TicketInput) (*recordingsOutput, error) {
	found, err := s.archive.FindByTicket(ctx, in.Ticket)
	if err != nil {
		return nil, s.refusal(ctx, "find recordings of a ticket", "", err)
	}
	return &recordingsOutput{describeAll(found, caller(ctx).role)}, nil
}

func (s *Server) recording(ctx context.Context, in *RecordingInput) (*recordingOutput, error) {
	found, err := s.archive.Recording(ctx, in.ID)
	if err != nil {
		return nil, s.refusal(ctx, "read recording", in.ID, err)
	}
	return &recordingOutput{describe(found, caller(ctx).role)}, nil
}

func (s *Server) browse(ctx context.Context, in *browseInput) (*recordingsOutput, error) {
	role := caller(ctx).role
	if (in.Caller != "" || in.Agent != "") && !role.may(Parties) { // an answer would tell who spoke
		return nil, s.refusal(ctx, "", "", forbidden{role, Parties})
	}
	found, err := s.archive.Search(ctx, catalog.Query{
		Caller: number(in.Caller), Callee: number(in.Agent), State: in.State, From: in.From, To: in.To, Limit: in.Limit, Before: in.Before,
	})
	if err != nil {
		return nil, s.refusal(ctx, "search recordings", "", err)
	}
	return &recordingsOutput{describeAll(found, role)}, nil
}

// number brings a number as people write it into the form that the catalog has: digits, and a plus in front. A space in
// front was a plus that the client did not escape.
func number(s string) string {
	plus := strings.HasPrefix(s, " ") || strings.HasPrefix(s, "+")
	s = strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	if plus {
		return "+" + s
	}
	return s
}

// sourceAPI is how a ticket became known that was linked here.
const sourceAPI = "api"

type linkInput struct {
	TicketInput
	RecordingInput
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
