package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// maxBody of a request to the API, in bytes.
const maxBody = 64 << 10

// registerAPI registers everything under /v1, and the document that describes it.
func (s *Server) registerAPI() error {
	api := humago.New(s.routes, s.apiConfig())
	s.registerRecordings(api)
	s.registerAudio(api)
	s.registerTokens(api)
	s.registerReindex(api)
	huma.Register(api, operation("GET", "/v1/status", "get-status", "How the daemon is"),
		func(context.Context, *struct{}) (*statusOutput, error) { return &statusOutput{s.c.Status()}, nil })

	// The document is made once, when all is registered; huma's own routes for it, and for a reference that loads scripts
	// from elsewhere, are off.
	description, err := json.Marshal(api.OpenAPI())
	if err != nil {
		return fmt.Errorf("describe API: %w", err)
	}
	s.routes.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		w.Write(description) // a client that is gone is nothing to report
	})
	return nil
}

type statusOutput struct{ Body any }

func (s *Server) apiConfig() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "linewarden", Version: s.c.Version,
				Description: "Recordings of support calls, by ticket. Errors are problem documents (RFC 9457). Every access is written to the ledger.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token": {Type: "http", Scheme: "bearer", Description: "A token as \"linewarden token create\" prints it."},
				},
			},
			Security: []map[string][]string{{"token": {}}},
		},
		Formats: map[string]huma.Format{
			"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat,
		},
		DefaultFormat: "application/json",
	}
}

// operation describes a route, with the roles that its door lets in.
func operation(method, path, id, summary string) huma.Operation {
	var roles []string
	for _, r := range rolesWith(doors[method+" "+path]) {
		roles = append(roles, string(r))
	}
	op := huma.Operation{
		Method: method, Path: path, OperationID: id, Summary: summary, MaxBodyBytes: maxBody,
		Description: "Roles: " + strings.Join(roles, ", ") + ".",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}
	if strings.Contains(path, "{") {
		op.Errors = append(op.Errors, http.StatusNotFound)
	}
	return op
}
