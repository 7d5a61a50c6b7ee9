package recorder

import (
	"github.com/emiago/sipgo/sip"
)

// acceptedBodies is what an INVITE to us may carry (RFC 3261, 20.1).
const acceptedBodies = "application/sdp, multipart/mixed, application/rs-metadata+xml, application/rs-metadata"

// onReoffer hands a re-INVITE or UPDATE to its session.
func (s *Server) onReoffer(req *sip.Request, tx sip.ServerTransaction) {
	s.deliver(req, tx, func(r request) any { return eventOffer{r} })
}

func (s *Server) onUpdate(req *sip.Request, tx sip.ServerTransaction) { s.onReoffer(req, tx) }

func (s *Server) onBye(req *sip.Request, tx sip.ServerTransaction) {
	s.deliver(req, tx, func(r request) any { return eventBye{r} })
}

// deliver hands a request to its session and waits until the session has answered it.
func (s *Server) deliver(req *sip.Request, tx sip.ServerTransaction, event func(request) any) {
	rs, ok := s.session(req)
	r := request{req: req, tx: tx, done: make(chan struct{})}
	if !ok || !rs.send(event(r)) {
		s.answer(req, tx, 481, "Call/Transaction Does Not Exist")
		return
	}
	<-r.done
}

// onAck tells the session that its 2xx arrived. An ACK has no answer.
func (s *Server) onAck(req *sip.Request, _ sip.ServerTransaction) {
	if rs, ok := s.session(req); ok {
		rs.send(eventAck{seq: req.CSeq().SeqNo})
	}
}

// onCancel answers a CANCEL that matches no open INVITE; one that does is answered by the transaction layer, and the
// session hears of it when its 200 OK is refused there.
func (s *Server) onCancel(req *sip.Request, tx sip.ServerTransaction) {
	s.answer(req, tx, 481, "Call/Transaction Does Not Exist")
}

// onOptions says what we take, which clients use to see whether this recorder is alive (RFC 3261, 11.2).
func (s *Server) onOptions(req *sip.Request, tx sip.ServerTransaction) {
	if s.Draining() {
		s.answer(req, tx, 503, "Service Unavailable", "Retry-After", retryAfter)
		return
	}
	s.answer(req, tx, 200, "OK", "Allow", allowedMethods, "Accept", acceptedBodies, "Supported", "siprec, timer")
}

func (s *Server) onOther(req *sip.Request, tx sip.ServerTransaction) {
	if req.IsAck() {
		return
	}
	s.answer(req, tx, 405, "Method Not Allowed", "Allow", allowedMethods)
}
