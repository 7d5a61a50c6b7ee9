package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linewarden/storage"
)

// progressEvery is the pause between two lines of progress.
const progressEvery = 200 * time.Millisecond

// progress is a line of the answer to POST /v1/reindex.
type progress struct {
	Done  uint64 `json:"done"`
	Total uint64 `json:"total"`
	End   bool   `json:"end,omitempty"`
	Error string `json:"error,omitempty"`
}

func (s *Server) registerReindex(api huma.API) {
	op := operation("POST", "/v1/reindex", "reindex", "Rebuild the catalog from the vault and the ledger")
	op.Description += " Answers with a JSON object a line, as far as it is; the last has end, and error if it failed. Searches are answered meanwhile."
	op.Responses = map[string]*huma.Response{"200": {Description: "Progress", Content: map[string]*huma.MediaType{"application/jsonl": {}}}}
	huma.Register(api, op, func(context.Context, *struct{}) (*huma.StreamResponse, error) {
		return stream(s.reindex, s.refuse), nil
	})
}

// reindex goes on when the one who asked has gone: what was begun is worth finishing.
func (s *Server) reindex(w http.ResponseWriter, r *http.Request) error {
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Time{}); err != nil { // it takes as long as it takes
		s.log.Debug("lift write deadline", "error", err)
	}
	w.Header().Set("Content-Type", "application/jsonl")
	lines := json.NewEncoder(w)
	var last progress
	var told time.Time
	err := s.archive.Reindex(context.WithoutCancel(r.Context()), func(done, total uint64) {
		last = progress{Done: done, Total: total}
		if s.now().Sub(told) >= progressEvery {
			told = s.now()
			lines.Encode(last) // who asked may be gone
			control.Flush()
		}
	})
	last.End = true
	switch {
	case errors.Is(err, storage.ErrBusy):
		last.Error = "The catalog is being rebuilt already."
	case err != nil:
		s.log.Error("rebuild catalog", "error", err)
		last.Error = "The catalog could not be rebuilt, and the old one is still in use. The log says why."
	}
	lines.Encode(last)
	return nil
}
