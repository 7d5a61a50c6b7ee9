package recorder

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/oklog/ulid/v2"

	"linewarden/recorder/siprec"
)

// allowedMethods is what onInvite and its siblings answer (RFC 3261, 20.5).
const allowedMethods = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE"

// retryAfter is how many seconds a refused client should wait before it tries this recorder again.
const retryAfter = "5"

var (
	// errBusy is a refusal that says nothing about the call: another recorder, or this one later, may take it.
	errBusy  = errors.New("no room for another call")
	errNoSDP = errors.New("an SDP offer is needed in the body")
)

// onInvite answers an INVITE: inside a dialog it is an offer to that session, outside it opens one.
func (s *Server) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	id, ok := invitationOf(req)
	if !ok {
		s.answer(req, tx, 400, "Bad Request", "Warning", warning("Call-ID, From, To and CSeq are needed"))
		return
	}
	if _, inside := req.To().Params.Get("tag"); inside {
		s.onReoffer(req, tx)
		return
	}
	if err := s.reserve(id); err != nil {
		s.refuse(req, tx, err)
		return
	}
	rs, answer, err := s.open(id, req)
	if err != nil {
		s.release(id)
		s.refuse(req, tx, err)
		return
	}
	s.mu.Lock()
	s.sessions[rs.dialog.id] = rs
	s.mu.Unlock()
	r := request{req: req, tx: tx}
	// COMMIT: the entry is on disk before the client hears that it is recorded. A crash before this line leaves an entry
	// with no media, which the next start finalises as such; after it, one that holds what came.
	if err := rs.accept(r, answer); err != nil {
		rs.cancelled(err)
		return
	}
	s.Counters.Sessions.Add(1)
	rs.log.Info("call opened", "streams", len(rs.streams), "trunk", rs.trunk)
	go rs.run() // ends when the session does; Drain waits for it
}

// reserve makes room for a session, or says why there is none.
func (s *Server) reserve(id dialogID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining:
		return fmt.Errorf("%w: the recorder is stopping", errBusy)
	case s.invited[id]:
		return errMerged
	case len(s.invited) >= s.c.MaxSessions:
		return fmt.Errorf("%w: the limit of sessions is reached", errBusy)
	}
	s.invited[id] = true
	s.finishing.Add(1)
	return nil
}

// release gives back what reserve took, when no session came of it.
func (s *Server) release(id dialogID) {
	s.mu.Lock()
	delete(s.invited, id)
	s.mu.Unlock()
	s.finishing.Done()
}

// refuse answers an INVITE that opens no session.
func (s *Server) refuse(req *sip.Request, tx sip.ServerTransaction, err error) {
	switch {
	case errors.Is(err, errMerged):
		s.answer(req, tx, 482, "Loop Detected") // RFC 3261, 8.2.2.2
	case errors.Is(err, errBusy):
		s.Counters.RefusedBusy.Add(1)
		s.log.Error("call refused", "error", err)
		s.answer(req, tx, 503, "Service Unavailable", "Retry-After", retryAfter)
	case errors.Is(err, errIntervalSmall):
		s.answer(req, tx, 422, "Session Interval Too Small", "Min-SE", seconds(minSessionExpires)) // RFC 4028, 9
	default:
		s.Counters.RefusedBody.Add(1)
		s.log.Warn("call refused", "error", err)
		s.answer(req, tx, 488, "Not Acceptable Here", "Warning", warning(err.Error()))
	}
}

// errMerged is a second INVITE of the same call by another way.
var errMerged = errors.New("this call is here already")

// open makes the session of an INVITE: its entry on disk, its ports, its answer.
func (s *Server) open(id dialogID, req *sip.Request) (*Session, []byte, error) {
	if _, err := sessionExpires(req); err != nil {
		return nil, nil, err
	}
	body, err := siprec.ParseBody(contentType(req), req.Body())
	if err != nil || len(body.SDP) == 0 {
		return nil, nil, errNoSDP
	}
	offer, err := siprec.ParseOffer(body.SDP)
	if err != nil {
		return nil, nil, fmt.Errorf("the SDP offer cannot be read: %w", err)
	}
	if !offersAudio(offer) {
		return nil, nil, errNoAudio
	}
	if err := s.room(len(offer.Streams)); err != nil {
		return nil, nil, err
	}
	local, err := s.localAddr(req)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errBusy, err)
	}

	now := time.Now()
	rec := ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String()
	rs := &Session{
		server: s, log: s.log.With("rec", rec),
		events: make(chan any), gone: make(chan struct{}),
		dialog: newDialog(id, req, local), trunk: s.trunkOf(sourceAddr(req)),
		sdpID: rand.Uint64() >> 2, resend: idleTimer(), expires: idleTimer(), early: idleTimer(),
	}
	rs.entry, err = s.spool.Create(rec, now, s.opening(req, body, rs.trunk))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errBusy, err)
	}
	answer, err := rs.begin(req, offer)
	if err != nil {
		rs.abandon()
		return nil, nil, err
	}
	return rs, answer, nil
}

// idleTimer is a timer that is set later.
func idleTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// begin opens the streams of the first offer. What it says must be in the journal before the client is answered.
func (rs *Session) begin(req *sip.Request, offer siprec.Offer) ([]byte, error) {
	if err := rs.apply(req, offer); err != nil {
		return nil, err
	}
	if err := rs.noteStreams(); err != nil {
		return nil, fmt.Errorf("%w: %w", errBusy, err)
	}
	return rs.answerTo(offer)
}

// room says whether the machine can take another call: ports and disk.
func (s *Server) room(streams int) error {
	if s.media.Free() < streams {
		return fmt.Errorf("%w: rtp.ports has none free", errBusy)
	}
	free, inodes, err := s.spool.Free()
	if err != nil {
		return fmt.Errorf("%w: %w", errBusy, err)
	}
	if free < s.c.MinFree || inodes < minFreeInodes {
		return fmt.Errorf("%w: the spool's disk is nearly full", errBusy)
	}
	return nil
}

// minFreeInodes must stay free for a call to be taken: finalising and recovery need some files themselves.
const minFreeInodes = 1000

// abandon undoes a session that was never answered.
func (rs *Session) abandon() {
	rs.stopTimers()
	for _, st := range rs.streams {
		st.close()
	}
	if err := rs.entry.Log().Close(); err != nil {
		rs.log.Warn("close media log of a refused call", "error", err)
	}
	if err := rs.entry.Remove(); err != nil {
		rs.log.Error("remove entry of a refused call", "error", err)
	}
}

// cancelled finishes a session whose 200 OK could not be sent: the client gave up first (RFC 3261, 9.2), or its connection
// is gone. The call did reach us, so its entry is kept.
func (rs *Session) cancelled(err error) {
	rs.log.Info("call cancelled before it was answered", "cause", err)
	rs.stopTimers()
	rs.server.forget(rs)
	close(rs.gone)
	rs.close(EndCancel)
	go func() { // ends when the entry is sealed or left for the next start; Drain waits for it
		defer rs.server.finishing.Done()
		rs.server.finish(rs.entry, rs.log)
	}()
}

// trunkOf names the client that sends from an address.
func (s *Server) trunkOf(from netip.Addr) string {
	for _, t := range s.c.Trunks {
		if contains(t.From, from) {
			return t.Name
		}
	}
	return ""
}

func contentType(req *sip.Request) string {
	if h := req.ContentType(); h != nil {
		return h.Value()
	}
	return ""
}
