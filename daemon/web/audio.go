package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"linewarden/storage"
)

// playPatience is how long a player may take no byte before it is cut off. A player that was paused asks again, from where
// it was.
const playPatience = 5 * time.Minute

type audioInput struct {
	RecordingInput
	PlayInput
	Download bool `query:"download" doc:"as a file"`
	Channel  int  `query:"channel" minimum:"1" maximum:"64" doc:"one participant alone, counted from 1; all when it is not given"`
}

// PlayInput is what a play brings into the ledger.
type PlayInput struct {
	Reason string `query:"reason" maxLength:"256" doc:"why; goes into the ledger and names no person"`
	Ticket string `query:"ticket" maxLength:"64" doc:"that is being worked on; goes into the ledger"`
}

// partInput asks for a part of a recording that is JSON.
type partInput struct {
	RecordingInput
	PlayInput
}

func (s *Server) registerAudio(api huma.API) {
	audio := operation("GET", "/v1/recordings/{id}/audio", "get-audio", "The audio, whole or in ranges")
	audio.Description += " A file (download) needs the right to download."
	wav := map[string]*huma.MediaType{"audio/wav": {}}
	audio.Responses = map[string]*huma.Response{
		"200": {Description: "All of it", Content: wav},
		"206": {Description: "The range that was asked for", Content: wav},
	}
	audio.Errors = append(audio.Errors, http.StatusRequestedRangeNotSatisfiable, http.StatusNotImplemented)
	huma.Register(api, audio, func(_ context.Context, in *audioInput) (*huma.StreamResponse, error) {
		return stream(func(w http.ResponseWriter, r *http.Request) error { return s.audio(w, r, in) }, s.refuse), nil
	})

	s.registerPart(api, operation("GET", "/v1/recordings/{id}/peaks", "get-peaks", "What a picture of the audio is drawn from"),
		partPeaks, "Lowest and highest of each twentieth of a second, by channel")
	s.registerPart(api, operation("GET", "/v1/recordings/{id}/manifest", "get-manifest", "All that is known of the call"),
		partManifest, "Who, when, what signalling said, and by channel what became of every packet, gaps with their causes")
}

// registerPart registers a part of a recording that is JSON and stored as such. To read it is a play.
func (s *Server) registerPart(api huma.API, op huma.Operation, name, description string) {
	op.Responses = map[string]*huma.Response{"200": {Description: description, Content: map[string]*huma.MediaType{"application/json": {}}}}
	huma.Register(api, op, func(_ context.Context, in *partInput) (*huma.StreamResponse, error) {
		return stream(func(w http.ResponseWriter, r *http.Request) error {
			return s.play(w, r, in.ID, name, "application/json", in.PlayInput, nil)
		}, s.refuse), nil
	})
}

// stream lets a handler of net/http answer in place of huma's encoder. An error must come before the first byte.
func stream(h func(http.ResponseWriter, *http.Request) error, refuse func(http.ResponseWriter, *http.Request, error)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, w := humago.Unwrap(c)
		if err := h(w, r); err != nil {
			refuse(w, r, err)
		}
	}}
}

func (s *Server) audio(w http.ResponseWriter, r *http.Request, in *audioInput) error {
	if in.Download {
		if role := caller(r.Context()).role; !role.may(Download) {
			return forbidden{role, Download}
		}
		name := in.ID
		if in.Channel > 0 {
			name += "-" + strconv.Itoa(in.Channel)
		}
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.wav"`) // an id needs no quoting
	}
	var cut func(*storage.Audio) (io.ReadSeeker, error)
	if in.Channel > 0 {
		cut = func(a *storage.Audio) (io.ReadSeeker, error) { return newChannel(a, a.Size, in.Channel-1) }
	}
	if r.Method == http.MethodHead && cut == nil {
		return s.headAudio(w, r, in.ID)
	}
	return s.play(w, r, in.ID, partAudio, "audio/wav", in.PlayInput, cut)
}

// headAudio says what a play would give, from the catalog: nothing is played, so the ledger has nothing to say.
func (s *Server) headAudio(w http.ResponseWriter, r *http.Request, id string) error {
	rec, err := s.archive.Recording(r.Context(), id)
	if err != nil {
		return s.refusal(r.Context(), "read recording", id, err)
	}
	p, ok := part(rec, partAudio)
	if !ok {
		return storage.ErrNotFound
	}
	w.Header().Set("Accept-Ranges", "bytes")
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Content-Length", strconv.FormatInt(p.Size, 10))
	w.Header().Set("ETag", etag(p.SHA256, ""))
	w.WriteHeader(http.StatusOK)
	return nil
}

// etag is strong: the same tag means the same bytes.
func etag(sha256, variant string) string { return `"` + sha256 + variant + `"` }

// play hands out a part of a recording, or of it what cut leaves. The archive has written the play into the ledger before
// it gives the first byte; when the ledger cannot be reached there is none.
func (s *Server) play(w http.ResponseWriter, r *http.Request, id, name, contentType string, why PlayInput,
	cut func(*storage.Audio) (io.ReadSeeker, error)) error {
	ctx := r.Context()
	audio, err := s.archive.Play(ctx, storage.Play{
		Actor: caller(ctx).actor, Recording: id, Part: name, Reason: why.Reason, Ticket: why.Ticket, Range: r.Header.Get("Range"),
	})
	if err != nil {
		w.Header().Del("Content-Disposition")
		return s.refusal(ctx, "play recording", id, err)
	}
	defer audio.Close() // of a request to the vault that is of no more use
	content, variant := io.ReadSeeker(audio), ""
	if cut != nil {
		if content, err = cut(audio); err != nil {
			w.Header().Del("Content-Disposition")
			return s.refusal(ctx, "cut out a channel", id, err)
		}
		variant = "-" + r.URL.Query().Get("channel")
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("ETag", etag(audio.SHA256, variant))
	watched := &watchedReader{ReadSeeker: content}
	http.ServeContent(patientWriter{w, http.NewResponseController(w)}, r, "", audio.ModTime, watched)
	if watched.err != nil && ctx.Err() == nil {
		// The head is out already; the body is shorter than it says, and the client sees that.
		s.log.Error("play recording", "error", fmt.Errorf("read %s: %w", name, watched.err), "rec", id)
	}
	return nil
}

// watchedReader remembers why reading ended early.
type watchedReader struct {
	io.ReadSeeker
	err error
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// patientWriter gives each write its own time, where an answer as a whole would need hours.
type patientWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (w patientWriter) Write(p []byte) (int, error) {
	w.connection.SetWriteDeadline(time.Now().Add(playPatience)) // a writer that cannot has no limit to lift
	return w.ResponseWriter.Write(p)
}
