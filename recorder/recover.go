package recorder

import (
	"fmt"
	"log/slog"
	"time"

	"linewarden/storage/spool"
)

// Delays between attempts to finalise an entry that could not be: a full disk may have room again soon.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Recover finalises what a crash left open, by the function that finishes a call on BYE, and hands on what was sealed but
// not stored. It is called before Start, while no session runs. It tells progress before each entry, since one may take
// seconds.
func Recover(c Config, sp *spool.Spool, sealed func(*spool.Entry), progress func(done, total int)) (recovered int, err error) {
	entries, err := sp.Entries()
	if err != nil {
		return 0, fmt.Errorf("list spool: %w", err)
	}
	for i, e := range entries {
		progress(i, len(entries))
		log := c.Log.With("rec", e.ID())
		seal, err := e.Sealed()
		if err != nil {
			log.Error("read seal; the entry stays where it is", "error", err)
			continue
		}
		if seal == nil {
			if err := finalise(c, e); err != nil {
				log.Error("finalise recovered entry; it stays in the spool", "error", err)
				continue
			}
			recovered++
			log.Info("recording recovered after a crash")
		}
		sealed(e)
	}
	return recovered, nil
}

// finish finalises an ended session's entry and hands it on. It tries until it succeeds or the server stops; the next
// start takes up what is left.
func (s *Server) finish(e *spool.Entry, log *slog.Logger) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := s.attempt(e)
		if err == nil {
			s.Counters.Sealed.Add(1)
			log.Info("recording sealed")
			s.sealed(e)
			return
		}
		s.Counters.FinaliseErrors.Add(1)
		log.Error("finalise recording; it stays in the spool and is tried again", "in", wait, "error", err)
		select {
		case <-s.stop:
			return
		case <-time.After(wait):
		}
	}
}

// attempt finalises an entry when it is its turn.
func (s *Server) attempt(e *spool.Entry) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return finalise(s.c, e)
}
