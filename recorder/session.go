package recorder

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"linewarden/recorder/siprec"
	"linewarden/storage/spool"
)

// What a session is told. Each event comes from one SIP request or from Drain.
type (
	// eventOffer is a re-INVITE or UPDATE: new streams, new metadata, or both.
	eventOffer struct{ request }
	// eventAck is the ACK of a 2xx.
	eventAck struct{ seq uint32 }
	// eventBye ends the session by the client's word.
	eventBye struct{ request }
	// eventDrain ends the session because the server stops.
	eventDrain struct{}
)

// request is a SIP request that waits for the session's answer. The transaction lives only until its handler
// returns, so the handler waits for done.
type request struct {
	req  *sip.Request
	tx   sip.ServerTransaction
	done chan struct{}
}

// Reasons why a recording session ended, as manifests name them.
const (
	EndBye         = "bye"
	EndCancel      = "cancel"
	EndDrain       = "drain"
	EndRestart     = "restart" // found open at the start: the daemon had crashed
	EndMaxDuration = "max_duration"
	EndNotAcked    = "not_acked"
	EndExpired     = "session_timer" // the client did not refresh the session (RFC 4028)
)

// Session is one recording session: a SIP dialog with a client and the entry its media goes to. Its goroutine, run,
// owns everything below.
type Session struct {
	server *Server
	log    *slog.Logger
	trunk  string // name of the client, "" when it has none
	entry  *spool.Entry
	events chan any      // unbuffered: what is sent has been taken
	gone   chan struct{} // closed when run takes no more events

	// Owned by run.
	dialog    *dialog
	streams   []*Stream // every stream ever opened, by number
	lines     []*Stream // the stream of each m= line of the last offer; nil where it was rejected
	sdpID     uint64    // o= line of our answers
	sdpSeq    uint64
	unacked   *sip.Response // a 2xx that waits for its ACK
	resend    *time.Timer
	interval  time.Duration
	ackBefore time.Time
	expires   *time.Timer // of the session timer
	early     *time.Timer // until lookAtMedia
}

// send hands an event to the session; false when it has ended.
func (rs *Session) send(ev any) bool {
	select {
	case rs.events <- ev:
		return true
	case <-rs.gone:
		return false
	}
}

// run owns the session from its 200 OK until its entry is sealed or left for the next start.
func (rs *Session) run() {
	defer rs.server.finishing.Done()
	reason := rs.listen()
	rs.server.forget(rs)
	close(rs.gone)
	var told sync.WaitGroup
	if reason != EndBye {
		told.Go(func() { // ends after byeTimeout at the latest
			if err := rs.server.bye(context.Background(), rs.dialog); err != nil {
				rs.log.Warn("client did not answer our BYE", "error", err)
			}
		})
	}
	rs.close(reason)
	rs.server.finish(rs.entry, rs.log)
	told.Wait()
}

// listen answers events until one ends the session.
func (rs *Session) listen() (reason string) {
	limit := time.NewTimer(rs.server.c.MaxCall)
	defer limit.Stop()
	defer rs.stopTimers()
	for {
		select {
		case ev := <-rs.events:
			switch ev := ev.(type) {
			case eventOffer:
				rs.onOffer(ev.request)
				close(ev.done)
			case eventAck:
				rs.onAck(ev.seq)
			case eventBye:
				rs.onBye(ev.request)
				close(ev.done)
				return EndBye
			case eventDrain:
				return EndDrain
			}
		case <-rs.resend.C:
			if !rs.resendAccepted() {
				return EndNotAcked
			}
		case <-rs.early.C:
			rs.lookAtMedia()
		case <-rs.expires.C:
			rs.log.Warn("client did not refresh the session in time")
			return EndExpired
		case <-limit.C:
			rs.log.Warn("session ended by the longest duration allowed", "max_call", rs.server.c.MaxCall)
			return EndMaxDuration
		}
	}
}

func (rs *Session) stopTimers() {
	for _, t := range []*time.Timer{rs.resend, rs.expires, rs.early} {
		t.Stop()
	}
}

// onOffer answers a re-INVITE or UPDATE. An offer that cannot be read changes nothing: the session goes on as it was
// (RFC 3261, 14.2).
func (rs *Session) onOffer(r request) {
	if !rs.dialog.inOrder(r.req) {
		rs.respond(r, 500, "Server Internal Error", nil, "Retry-After", "1") // RFC 3261, 12.2.2
		return
	}
	rs.dialog.refresh(r.req)
	if _, err := sessionExpires(r.req); err != nil {
		rs.respond(r, 422, "Session Interval Too Small", nil, "Min-SE", seconds(minSessionExpires))
		return
	}
	body, err := siprec.ParseBody(contentType(r.req), r.req.Body())
	if err != nil {
		rs.server.Counters.RefusedBody.Add(1)
		rs.respond(r, 400, "Bad Request", nil, "Warning", warning("the body cannot be read"))
		return
	}
	rs.noteMetadata(body)
	if len(body.SDP) == 0 {
		rs.onNoOffer(r)
		return
	}
	answer, err := rs.reoffer(r.req, body.SDP)
	switch {
	case errors.Is(err, errBusy):
		rs.server.Counters.RefusedBusy.Add(1)
		rs.respond(r, 503, "Service Unavailable", nil, "Retry-After", retryAfter)
	case err != nil:
		rs.server.Counters.RefusedBody.Add(1)
		rs.log.Warn("offer refused; the session goes on as it was", "error", err)
		rs.respond(r, 488, "Not Acceptable Here", nil, "Warning", warning(err.Error()))
	default:
		if err := rs.accept(r, answer); err != nil {
			rs.log.Warn("answer offer", "error", err)
		}
	}
}

// onNoOffer answers a request within the dialog that carries no SDP: metadata alone in an UPDATE is usual; an INVITE
// that wants an offer from us is not taken.
func (rs *Session) onNoOffer(r request) {
	if r.req.IsInvite() {
		rs.respond(r, 488, "Not Acceptable Here", nil, "Warning", warning(errNoSDP.Error()))
		return
	}
	if err := rs.accept(r, nil); err != nil {
		rs.log.Warn("answer request", "error", err)
	}
}

// onBye lets the client go. What it has sent until now is still in the sockets and is swept by close.
func (rs *Session) onBye(r request) {
	if !rs.dialog.inOrder(r.req) {
		rs.log.Debug("BYE out of order taken all the same")
	}
	rs.respond(r, 200, "OK", nil)
}

// accept answers a request, with our SDP if it made an offer, and repeats the answer to an INVITE until the client
// acknowledges it.
func (rs *Session) accept(r request, answer []byte) error {
	res := rs.response(r.req, 200, "OK", answer)
	if len(answer) > 0 {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		rs.early.Reset(mediaDeadline)
	}
	interval, _ := sessionExpires(r.req) // what is too small was refused before
	agree(res, interval)
	rs.refreshed(interval)
	if err := r.tx.Err(); err != nil {
		return err
	}
	if err := r.tx.Respond(res); err != nil {
		// A CANCEL came between the two lines. The stack keeps the last response for retransmissions: it must be the 487.
		rs.respond(r, 487, "Request Terminated", nil)
		return err
	}
	if r.req.IsInvite() {
		rs.unacked, rs.interval = res, timerT1
		rs.ackBefore = time.Now().Add(ackTimeout)
		rs.resend.Reset(rs.interval)
	}
	return nil
}

func (rs *Session) onAck(seq uint32) {
	if rs.unacked != nil && rs.unacked.CSeq().SeqNo == seq {
		rs.unacked = nil
		rs.resend.Stop()
	}
}

// resendAccepted repeats a 2xx that was not acknowledged, over any transport (RFC 3261, 13.3.1.4); false when it is
// time to give up.
func (rs *Session) resendAccepted() bool {
	if rs.unacked == nil {
		return true
	}
	if time.Now().After(rs.ackBefore) {
		rs.server.Counters.NotAcked.Add(1)
		rs.log.Error("client never acknowledged the session; ended", "after", ackTimeout)
		return false
	}
	if err := rs.server.sip.WriteResponse(rs.unacked); err != nil {
		rs.log.Warn("repeat 200 OK", "error", err)
	}
	rs.interval = min(2*rs.interval, timerT2)
	rs.resend.Reset(rs.interval)
	return true
}

// respond answers a request of this dialog. Header fields are name, value pairs.
func (rs *Session) respond(r request, code int, reason string, body []byte, headers ...string) {
	res := rs.response(r.req, code, reason, body)
	for i := 0; i+1 < len(headers); i += 2 {
		res.AppendHeader(sip.NewHeader(headers[i], headers[i+1]))
	}
	if err := r.tx.Respond(res); err != nil {
		rs.log.Warn("send SIP response", "status", code, "error", err)
	}
}

func (rs *Session) response(req *sip.Request, code int, reason string, body []byte) *sip.Response {
	res := rs.server.response(req, code, reason, body)
	res.To().Params.Add("tag", rs.dialog.id.localTag)
	res.AppendHeader(contact(rs.dialog.local, req.Transport()))
	res.AppendHeader(sip.NewHeader("Allow", allowedMethods))
	res.AppendHeader(sip.NewHeader("Supported", "siprec, timer"))
	return res
}

// close ends the media and writes down how the session ended. From here on the entry says all there is to say.
func (rs *Session) close(reason string) {
	for _, st := range rs.streams {
		st.close() // takes what the kernel still holds
	}
	if err := rs.entry.Log().Close(); err != nil {
		rs.log.Error("close media log; what was captured is kept", "error", err)
	}
	end := noteEnd{Reason: reason, Dropped: rs.entry.Log().Dropped(), Broken: rs.entry.Log().Err() != nil}
	for _, st := range rs.streams {
		end.Streams = append(end.Streams, st.counts())
	}
	if err := rs.entry.Note(noteEnded, time.Now(), end); err != nil {
		rs.log.Error("note end of session; it will be told as a restart", "error", err)
	}
	rs.log.Info("call ended", "reason", reason)
}
