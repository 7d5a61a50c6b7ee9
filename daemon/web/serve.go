package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// headerLimit is how long a client may take to send the head of a request, readLimit for all of it.
	headerLimit = 10 * time.Second
	readLimit   = 30 * time.Second
	// writeLimit is how long an answer may take. Audio, which is long and played as it comes, has a limit of its own.
	writeLimit = 30 * time.Second
	// idleLimit is how long a connection is kept for a next request.
	idleLimit = 2 * time.Minute
	// maxHeader in bytes; net/http adds 4 KiB.
	maxHeader = 28 << 10
	// stopLimit is how long answers that are on their way may take when the server stops.
	stopLimit = 10 * time.Second
)

// Serve serves a listener until ctx ends, then lets the answers that are on their way come to their end, for stopLimit at
// most. It closes the listener.
func (s *Server) Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ConnContext: ConnContext,
		ReadHeaderTimeout: headerLimit, ReadTimeout: readLimit, WriteTimeout: writeLimit, IdleTimeout: idleLimit,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what clients do wrong, with their addresses
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }() // ends with Shutdown or Close below, or when the listener fails
	select {
	case err := <-ended:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	err := server.Shutdown(patience)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("cut off answers that were still on their way", "after", stopLimit)
		err = server.Close()
	}
	<-ended // http.ErrServerClosed
	if err != nil {
		return fmt.Errorf("stop HTTP: %w", err)
	}
	return nil
}
