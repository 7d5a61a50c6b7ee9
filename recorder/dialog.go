package recorder

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"
)

// RFC 3261, 17.1.1.1: the timers of a 2xx that waits for its ACK (13.3.1.4).
const (
	timerT1 = 500 * time.Millisecond
	timerT2 = 4 * time.Second
	// ackTimeout is when a session whose 2xx was never acknowledged is ended.
	ackTimeout = 64 * timerT1
	// byeTimeout bounds how long a BYE of ours waits for its answer: three retransmissions. The session is over for us
	// whatever the client says, and a daemon that stops must not wait for clients that are gone.
	byeTimeout = 4 * time.Second
)

// dialogID names a dialog from our side (RFC 3261, 12).
type dialogID struct {
	callID, localTag, remoteTag string
}

// invitation is the part of the name that the client gave.
func (id dialogID) invitation() dialogID { return dialogID{callID: id.callID, remoteTag: id.remoteTag} }

// dialogOf reads the dialog that a request belongs to; false when it belongs to none.
func dialogOf(req *sip.Request) (dialogID, bool) {
	id, ok := invitationOf(req)
	if !ok {
		return dialogID{}, false
	}
	tag, ok := req.To().Params.Get("tag")
	if !ok || tag == "" {
		return dialogID{}, false
	}
	id.localTag = tag
	return id, true
}

// invitationOf reads what a request says of its dialog before we have given it a tag; false when a header is missing.
func invitationOf(req *sip.Request) (dialogID, bool) {
	if req.CallID() == nil || req.From() == nil || req.To() == nil || req.CSeq() == nil {
		return dialogID{}, false
	}
	tag, _ := req.From().Params.Get("tag")
	return dialogID{callID: req.CallID().Value(), remoteTag: tag}, true
}

// dialog is the state of a SIP dialog with the client, as RFC 3261, 12.1.1 has it made by a UAS.
// Owned by Session.run.
type dialog struct {
	id        dialogID
	invite    *sip.Request // the first INVITE: our From and To, and the way back
	target    sip.Uri      // remote target, refreshed by re-INVITE and UPDATE
	localSeq  uint32
	remoteSeq uint32
	local     netip.AddrPort // address the client reaches us at, in our Contact
}

// newDialog makes the dialog state of an INVITE that is about to be accepted.
func newDialog(id dialogID, req *sip.Request, local netip.AddrPort) *dialog {
	id.localTag = sip.GenerateTagN(16)
	d := &dialog{id: id, invite: req, remoteSeq: req.CSeq().SeqNo, local: local, target: req.From().Address} // for want of a Contact
	d.refresh(req)
	return d
}

// refresh takes the remote target from a request that may change it (RFC 3261, 12.2.2).
func (d *dialog) refresh(req *sip.Request) {
	if c := req.Contact(); c != nil {
		d.target = c.Address
	}
}

// inOrder says whether a request's CSeq is higher than any before (RFC 3261, 12.2.2), and remembers it.
func (d *dialog) inOrder(req *sip.Request) bool {
	if req.CSeq().SeqNo < d.remoteSeq {
		return false
	}
	d.remoteSeq = req.CSeq().SeqNo
	return true
}

// contact is our Contact with the feature tag that RFC 7866, 6.2 requires of a session recording server.
func contact(local netip.AddrPort, transport string) sip.Header {
	uri := "<sip:recorder@" + local.String()
	if t := sip.NetworkToLower(transport); t != "udp" {
		uri += ";transport=" + t
	}
	return sip.NewHeader("Contact", uri+">;+sip.srs")
}

// bye tells the client that we end the session.
func (s *Server) bye(ctx context.Context, d *dialog) error {
	d.localSeq++
	from, to := d.invite.To().AsFrom(), d.invite.From().AsTo()
	from.Params.Add("tag", d.id.localTag)
	callID := sip.CallIDHeader(d.id.callID)
	hops := sip.MaxForwardsHeader(70)
	req := sip.NewRequest(sip.BYE, d.target)
	req.AppendHeader(&from)
	req.AppendHeader(&to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: d.localSeq, MethodName: sip.BYE})
	req.AppendHeader(&hops)
	for _, rr := range d.invite.GetHeaders("Record-Route") {
		req.AppendHeader(sip.NewHeader("Route", rr.Value())) // RFC 3261, 12.1.1: the route set, in order
	}
	req.SetTransport(d.invite.Transport())
	req.SetDestination(d.invite.Source()) // the way the client itself came, which also leads through NAT
	ctx, cancel := context.WithTimeout(ctx, byeTimeout)
	defer cancel()
	if _, err := s.client.Do(ctx, req); err != nil {
		return fmt.Errorf("send BYE: %w", err)
	}
	return nil
}

// localAddr is the address at which the client of req reaches us: the kernel's choice of source address towards it, and
// the port of the listener for its transport.
func (s *Server) localAddr(req *sip.Request) (netip.AddrPort, error) {
	network := sip.NetworkToLower(req.Transport())
	for _, l := range s.listeners {
		if l.network != network {
			continue
		}
		ap, err := netip.ParseAddrPort(l.addr.String())
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("read listener address: %w", err)
		}
		if !ap.Addr().IsUnspecified() {
			return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
		}
		local, err := towards(req.Source())
		return netip.AddrPortFrom(local, ap.Port()), err
	}
	return netip.AddrPort{}, fmt.Errorf("no listener for %s", network)
}

// towards is the local address the kernel would send from to reach remote. Nothing is sent.
func towards(remote string) (netip.Addr, error) {
	conn, err := net.Dial("udp", remote)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find route to client: %w", err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// sourceAddr is where a request came from.
func sourceAddr(req *sip.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(req.Source())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// answer answers a request that belongs to no session. Header fields are name, value pairs.
func (s *Server) answer(req *sip.Request, tx sip.ServerTransaction, code int, reason string, headers ...string) {
	res := s.response(req, code, reason, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		res.AppendHeader(sip.NewHeader(headers[i], headers[i+1]))
	}
	if err := tx.Respond(res); err != nil {
		s.log.Debug("send SIP response", "status", code, "error", err)
	}
}

// warning is a Warning field (RFC 3261, 20.43) that tells a person why: code 399, "miscellaneous".
func warning(text string) string { return "399 linewarden " + strconv.Quote(text) }

func (s *Server) response(req *sip.Request, code int, reason string, body []byte) *sip.Response {
	res := sip.NewResponseFromRequest(req, code, reason, body)
	res.AppendHeader(sip.NewHeader("Server", s.c.Software))
	return res
}
