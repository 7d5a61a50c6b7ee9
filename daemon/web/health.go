package web

import (
	"io"
	"net/http"
	"strings"
)

// registerHealth registers what a load balancer or an orchestrator asks, without a token. Nothing in it is about a person.
func (s *Server) registerHealth() {
	s.routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"status":"ok"}`+"\n")
	})
	s.routes.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if lacking := s.c.Ready(); len(lacking) > 0 {
			writeProblem(w, problem(http.StatusServiceUnavailable, "Not ready: "+strings.Join(lacking, ", ")+"."))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"status":"ready"}`+"\n")
	})
}
