// Package client is a session recording client (RFC 7866): it places synthetic calls with a recorder, over real
// sockets and in real time, as a border controller would; who needs such a call, and what became of it in the
// recorder, is left to the caller.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// hangUpTimeout bounds the wait for the answer to BYE: eight transmissions over UDP (RFC 3261, 17.1.2).
	hangUpTimeout = 10 * time.Second

	// maxDatagram in bytes is what UDP carries over IPv4. The SIP library refuses to send a datagram of more
	// than its guess at the path's MTU, and an INVITE with metadata always has more (and is fragmented, as it is
	// when real clients send it).
	maxDatagram = 65_507
)

// The SIP library keeps the limit, and the logger that it complains to whenever a connection in use is closed, in
// variables that its transports read without a lock, so they can only be set before anything runs. It leaves 200
// bytes of room of its own.
func init() {
	sip.UDPMTUSize = maxDatagram + 200
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
}

// Call is one call to be recorded: two participants, each of whom is heard on a leg of its own.
type Call struct {
	Server    netip.AddrPort    // The recorder.
	Transport string            // "udp" or "tcp"; "" means "tcp", as an INVITE of this size should (RFC 3261, 18.1.1).
	Headers   map[string]string // Added to the INVITE, such as X-Ticket-ID.
	Caller    string            // Leg 0: a number, a URI, or a name with a URI in angle brackets. "" makes one up.
	Callee    string            // Leg 1: the same.
	Duration  time.Duration     // 0 means as long as the longer Audio.
	Audio     [2][]byte         // G.711 of each leg at 8 kHz, coded by Law; what is short of Duration is silence.
	Law       string            // "PCMU" or "PCMA"; "" means "PCMU".
	Seed      int64             // Where both legs have no Audio, of the Conversation that is sent instead.
}

// Outcome is what was done.
type Outcome struct {
	CallID     string    // SIP Call-ID of the recording session.
	Status     int       // Status code of the answer to the INVITE; 0 if there was none.
	Reason     string    // Its words.
	Started    time.Time // First packet sent.
	Ended      time.Time // Last packet sent.
	Sent       [2][]byte // Payload of each leg in the order sent, 160 bytes a packet; empty for a leg that was refused.
	Sources    [2]uint32 // SSRC of each leg.
	HungUp     bool      // The recorder ended the call before its time.
	ServerName string    // User-Agent or Server of the answer.
}

// RefusedError says that the recorder did not take the call.
type RefusedError struct {
	Status     int
	Reason     string
	RetryAfter time.Duration // 0 if it did not say.
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("call refused: %d %s", e.Status, e.Reason)
}

// Place makes a call and returns when it is over. A call that ctx ends is hung up properly; the outcome then
// comes with the error of ctx. The outcome is true as far as it goes with every error. Several calls may be
// placed at once.
func Place(ctx context.Context, c Call) (Outcome, error) {
	plan, err := newPlan(c)
	if err != nil {
		return Outcome{}, fmt.Errorf("prepare call: %w", err)
	}
	local, err := localAddress(c.Server)
	if err != nil {
		return Outcome{}, fmt.Errorf("find a way to the recorder: %w", err)
	}
	legs, err := openLegs(local, plan)
	if err != nil {
		return Outcome{}, fmt.Errorf("open media: %w", err)
	}
	defer legs.close()
	d, err := newDialog(plan, local)
	if err != nil {
		return Outcome{}, fmt.Errorf("start SIP: %w", err)
	}
	defer d.close()
	return plan.place(ctx, d, legs)
}

func (p *plan) place(ctx context.Context, d *dialog, legs *legs) (out Outcome, err error) {
	invite, err := p.invite(legs.local, legs.ports())
	if err != nil {
		return out, fmt.Errorf("write INVITE: %w", err)
	}
	answer, err := d.invite(ctx, invite)
	out.CallID = d.callID()
	if res := d.response(); res != nil {
		out.Status, out.Reason, out.ServerName = res.StatusCode, res.Reason, serverName(res)
	}
	if err != nil {
		return out, fmt.Errorf("invite: %w", err)
	}
	// From here on there is a call, and it must be hung up whatever happens.
	err = legs.connect(answer)
	if err == nil {
		err = legs.stream(ctx, d.ended)
	}
	for i, l := range legs.leg {
		out.Sent[i], out.Sources[i] = l.sent(), l.ssrc
	}
	out.Started, out.Ended = legs.started, legs.stopped
	select {
	case <-d.ended:
		out.HungUp = true
		return out, err
	default:
	}
	hangUp, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangUpTimeout)
	defer cancel()
	if e := d.bye(hangUp); e != nil {
		err = errors.Join(err, fmt.Errorf("hang up: %w", e))
	}
	return out, err
}

// localAddress returns the address of this machine that packets to server bear.
func localAddress(server netip.AddrPort) (netip.Addr, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server)) // Sends nothing.
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone(""), nil
}
