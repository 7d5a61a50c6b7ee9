package client

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// A call that is given up in the middle is hung up, and the outcome tells what was sent by then.
func TestGivenUp(t *testing.T) {
	r := newRecorder(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.onAck = func(*sip.Request) { cancel() }
	r.start("tcp", "127.0.0.1")
	out, err := Place(ctx, Call{Server: r.address, Duration: time.Hour, Audio: [2][]byte{{1}, {2}}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want the context's", err)
	}
	r.wait(sip.ACK, sip.BYE)
	payload, _ := r.received(out.CallID, [2]int{len(out.Sent[0]), len(out.Sent[1])})
	for i := range payload {
		if !bytes.Equal(payload[i], out.Sent[i]) {
			t.Errorf("leg %d: received %d bytes, sent %d", i, len(payload[i]), len(out.Sent[i]))
		}
	}
}

func TestCancelledWhileRinging(t *testing.T) {
	r := newRecorder(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan struct{})
	r.onInvite = func(req *sip.Request, tx sip.ServerTransaction) {
		tx.OnCancel(func(*sip.Request) { close(cancelled) }) // The library answers 487 itself.
		r.respond(tx, sip.NewResponseFromRequest(req, 180, "Ringing", nil))
		cancel()
		<-tx.Done()
	}
	r.start("udp", "127.0.0.1")
	if _, err := Place(ctx, Call{Server: r.address, Transport: "udp", Duration: time.Second}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want the context's", err)
	}
	<-cancelled
}

// The recorder says yes while the client says never mind: it has a call then, which must be acknowledged and ended.
func TestCancelCrossesAnswer(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var placed sync.WaitGroup
	placed.Go(func() { // Ends with the call.
		server := conn.LocalAddr().(*net.UDPAddr).AddrPort()
		out, err := Place(ctx, Call{Server: server, Transport: "udp", Duration: time.Second})
		if !errors.Is(err, context.Canceled) || out.Status != 200 || len(out.Sent[0]) > 0 {
			t.Errorf("outcome %+v, error %v", out, err)
		}
	})
	var invite *sip.Request
	answer := func(to *sip.Request, status int) {
		res := sip.NewResponseFromRequest(to, status, "Whatever", nil)
		if res.To().Params.Remove("tag"); status != 100 {
			res.To().Params.Add("tag", "recorder")
		}
		if _, err := conn.WriteToUDPAddrPort([]byte(res.String()), netip.MustParseAddrPort(invite.Source())); err != nil {
			t.Error(err)
		}
	}
	var heard []string
	for last := sip.RequestMethod(""); last != sip.BYE; {
		req := readRequest(t, conn)
		if last != req.Method { // Not a retransmission.
			last = req.Method
			heard = append(heard, string(last))
		}
		switch req.Method {
		case sip.INVITE:
			invite = req
			answer(req, 100)
			cancel()
		case sip.CANCEL:
			answer(invite, 200)
			answer(req, 200)
		case sip.BYE:
			answer(req, 200)
		}
	}
	if got := strings.Join(heard, " "); got != "INVITE CANCEL ACK BYE" {
		t.Errorf("heard %s", got)
	}
	placed.Wait()
}

func readRequest(t *testing.T, conn *net.UDPConn) *sip.Request {
	t.Helper()
	b := make([]byte, 1<<16)
	n, from, err := conn.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := sip.NewParser().ParseSIP(b[:n])
	if err != nil {
		t.Fatal(err)
	}
	req := msg.(*sip.Request)
	req.SetSource(from.String())
	return req
}

func TestNobodyThere(t *testing.T) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}) // Bound, but nobody reads.
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	address := c.LocalAddr().(*net.UDPAddr).AddrPort()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Place(ctx, Call{Server: address, Transport: "udp", Duration: time.Second}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("udp: got error %v, want the context's", err)
	}
	if _, err := Place(t.Context(), Call{Server: address, Transport: "tcp", Duration: time.Second}); err == nil {
		t.Error("tcp: no error")
	}
}
