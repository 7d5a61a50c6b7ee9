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

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

func TestPlace(t *testing.T) {
	for _, test := range []struct{ network, host, law string }{
		{"tcp", "127.0.0.1", "PCMU"},
		{"udp", "127.0.0.1", "PCMA"},
		{"udp", "::1", ""},
		{"tcp", "::1", "PCMA"},
	} {
		t.Run(test.network+" "+test.host+" "+test.law, func(t *testing.T) {
			r := newRecorder(t).start(test.network, test.host)
			out, err := Place(t.Context(), Call{
				Server: r.address, Transport: test.network, Law: test.law, Duration: 250 * time.Millisecond, Seed: 3,
				Headers: map[string]string{"X-Ticket-ID": "4711", "user-agent": "tester"},
				Caller:  "+15005550100", Callee: `"Ann Agent" <sip:ann@support.example>`,
			})
			if err != nil {
				t.Fatal(err)
			}
			req := r.invited(t)
			if out.CallID != req.CallID().Value() || out.Status != 200 || out.HungUp || out.ServerName != "recorder-of-this-test" {
				t.Errorf("outcome %+v", out)
			}
			payload, reports := r.received(out.CallID, [2]int{len(out.Sent[0]), len(out.Sent[1])})
			for i := range payload {
				if want := 13 * packetBytes; len(out.Sent[i]) != want { // 250 ms are 12 packets and a half.
					t.Errorf("leg %d: sent %d bytes, want %d", i, len(out.Sent[i]), want)
				}
				if !bytes.Equal(payload[i], out.Sent[i]) {
					t.Errorf("leg %d: received other bytes than were sent", i)
				}
				checkReport(t, reports[i], out.Sources[i], 13)
			}
			r.wait(sip.ACK, sip.BYE)
			checkInvite(t, req, test.network)
		})
	}
}

func checkInvite(t *testing.T, req *sip.Request, network string) {
	t.Helper()
	for name, want := range map[string]string{"Require": "siprec", "X-Ticket-ID": "4711", "User-Agent": "tester", "Max-Forwards": "70"} {
		if got := req.GetHeaders(name); len(got) != 1 || got[0].Value() != want {
			t.Errorf("%s: got %v, want one %q", name, got, want)
		}
	}
	contact := req.Contact()
	if _, ok := contact.Params.Get("+sip.src"); !ok || contact.Address.Port == 0 {
		t.Errorf("contact %q", contact.Value())
	}
	if got, _ := contact.Address.UriParams.Get("transport"); network == "tcp" && got != "tcp" {
		t.Errorf("contact %q lacks the transport", contact.Value())
	}
	if host, _, err := net.SplitHostPort(req.Source()); err != nil || strings.Trim(contact.Address.Host, "[]") != host {
		t.Errorf("contact %q, but the request came from %s", contact.Value(), req.Source())
	}
	if len(req.Body()) < 1300 {
		t.Errorf("body of %d bytes does not show that large datagrams work", len(req.Body()))
	}
	offer, metadata := parts(t, req)
	if offer == nil || metadata == nil {
		t.Fatal("a part is missing")
	}
	if len(offer.MediaDescriptions) != 2 {
		t.Fatalf("%d media lines, want 2", len(offer.MediaDescriptions))
	}
	for i, m := range offer.MediaDescriptions {
		got, _ := m.Attribute("label")
		if _, sendonly := m.Attribute("sendonly"); !sendonly || got != label(i) || m.MediaName.Media != "audio" || m.MediaName.Port.Value == 0 {
			t.Errorf("media line %d: %+v", i, m)
		}
	}
}

func TestRefused(t *testing.T) {
	r := newRecorder(t)
	r.onInvite = func(req *sip.Request, tx sip.ServerTransaction) {
		res := sip.NewResponseFromRequest(req, 503, "Service Unavailable", nil)
		res.AppendHeader(sip.NewHeader("Retry-After", "7 (no port)"))
		r.respond(tx, res)
	}
	r.start("udp", "127.0.0.1")
	out, err := Place(t.Context(), Call{Server: r.address, Transport: "udp", Duration: time.Second})
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter != 7*time.Second || out.Status != 503 {
		t.Errorf("got error %v, outcome %+v", err, out)
	}
	if len(out.Sent[0])+len(out.Sent[1]) > 0 {
		t.Error("sent media")
	}
}

func TestRecorderHangsUp(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			r := newRecorder(t)
			dialogs := sipgo.DialogUA{Client: must(sipgo.NewClient(r.agent)), ContactHDR: sip.ContactHeader{
				Address: sip.Uri{Scheme: "sip", Host: "127.0.0.1"}}}
			var session *sipgo.DialogServerSession
			r.onInvite = func(req *sip.Request, tx sip.ServerTransaction) {
				session = must(dialogs.ReadInvite(req, tx))
				res := r.ok(session.InviteRequest)
				if err := session.WriteResponse(res); err != nil {
					t.Errorf("respond: %v", err)
				}
			}
			var hangUp sync.WaitGroup
			r.onAck = func(req *sip.Request) {
				if err := session.ReadAck(req, nil); err != nil {
					t.Errorf("read ACK: %v", err)
				}
				hangUp.Go(func() { // Ends with the answer to BYE.
					if err := session.Bye(context.WithoutCancel(t.Context())); err != nil {
						t.Errorf("bye: %v", err)
					}
				})
			}
			r.start(network, "127.0.0.1")
			out, err := Place(t.Context(), Call{Server: r.address, Transport: network, Duration: time.Hour, Audio: [2][]byte{{1}, {1}}})
			if err != nil || !out.HungUp {
				t.Errorf("outcome %+v, error %v", out, err)
			}
			r.wait(sip.ACK)
			hangUp.Wait()
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A leg that the recorder does not want is not sent, and the other one is.
func TestOneLegRefused(t *testing.T) {
	r := newRecorder(t)
	r.answer = func(ports [2]uint16) string { return r.plainAnswer([2]uint16{ports[0], 0}) }
	r.start("tcp", "127.0.0.1")
	out, err := Place(t.Context(), Call{Server: r.address, Duration: 60 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Sent[0]) != 3*packetBytes || len(out.Sent[1]) != 0 {
		t.Errorf("sent %d and %d bytes", len(out.Sent[0]), len(out.Sent[1]))
	}
}

// An answer that cannot be used ends the call that it began.
func TestBadAnswer(t *testing.T) {
	for name, answer := range map[string]string{
		"empty":          "",
		"no media":       "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n",
		"another family": "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\nm=audio 9002 RTP/AVP 0\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder(t)
			r.answer = func([2]uint16) string { return answer }
			r.start("udp", "127.0.0.1")
			out, err := Place(t.Context(), Call{Server: r.address, Transport: "udp", Duration: time.Second})
			if err == nil || out.Status != 200 || len(out.Sent[0]) > 0 {
				t.Errorf("outcome %+v, error %v", out, err)
			}
			r.wait(sip.ACK, sip.BYE)
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	const calls = 20
	r := newRecorder(t).start("udp", "127.0.0.1")
	outs := make([]Outcome, calls)
	var all sync.WaitGroup
	for i := range outs {
		all.Go(func() { // Ends with its call.
			var err error
			outs[i], err = Place(t.Context(), Call{Server: r.address, Transport: "udp", Duration: 200 * time.Millisecond, Seed: int64(i)})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, out := range outs {
		payload, _ := r.received(out.CallID, [2]int{len(out.Sent[0]), len(out.Sent[1])})
		if len(out.Sent[0]) != 10*packetBytes || !bytes.Equal(payload[0], out.Sent[0]) || !bytes.Equal(payload[1], out.Sent[1]) {
			t.Errorf("call %d: received other bytes than were sent", i)
		}
	}
}

func TestPlaceRefuses(t *testing.T) {
	good := netip.MustParseAddrPort("127.0.0.1:5060")
	for name, c := range map[string]Call{
		"no server":      {Duration: time.Second},
		"no port":        {Server: netip.MustParseAddrPort("127.0.0.1:0"), Duration: time.Second},
		"transport":      {Server: good, Duration: time.Second, Transport: "sctp"},
		"law":            {Server: good, Duration: time.Second, Law: "G729"},
		"no length":      {Server: good},
		"negative":       {Server: good, Duration: -1},
		"too long":       {Server: good, Duration: maxDuration + 1},
		"line break":     {Server: good, Duration: time.Second, Headers: map[string]string{"X-A": "1\r\nX-B: 2"}},
		"header name":    {Server: good, Duration: time.Second, Headers: map[string]string{"X A": "1"}},
		"own header":     {Server: good, Duration: time.Second, Headers: map[string]string{"call-ID": "1"}},
		"compact header": {Server: good, Duration: time.Second, Headers: map[string]string{"i": "1"}},
		"party":          {Server: good, Duration: time.Second, Caller: "Ann <sip:ann@example.com"},
		"control":        {Server: good, Duration: time.Second, Callee: "sip:ann\r\n@example.com"},
	} {
		if _, err := Place(t.Context(), c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
