package client

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"github.com/pion/sdp/v3"
)

// recorder is a session recording server that insists on RFC 7866 and keeps what it is sent.
type recorder struct {
	t       *testing.T
	address netip.AddrPort
	agent   *sipgo.UserAgent

	// What to do with an INVITE; nil accepts it. Set before start.
	onInvite func(*sip.Request, sip.ServerTransaction)
	onAck    func(*sip.Request)
	answer   func(ports [2]uint16) string

	mu sync.Mutex
	// Guarded by mu.
	invites []*sip.Request
	media   map[string][2]*sink // By Call-ID.
	heard   []sip.RequestMethod // Other than INVITE.
	changed chan struct{}       // Closed and replaced when heard grows.
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	agent, err := sipgo.NewUA(sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet)))
	if err != nil {
		t.Fatal(err)
	}
	return &recorder{t: t, agent: agent, media: make(map[string][2]*sink), changed: make(chan struct{})}
}

// start serves until the test is over.
func (r *recorder) start(network, host string) *recorder {
	server, err := sipgo.NewServer(r.agent, sipgo.WithServerLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		r.t.Fatal(err)
	}
	server.OnInvite(func(req *sip.Request, tx sip.ServerTransaction) {
		r.mu.Lock()
		r.invites = append(r.invites, req)
		r.mu.Unlock()
		if r.onInvite != nil {
			r.onInvite(req, tx)
			return
		}
		r.accept(req, tx)
	})
	server.OnAck(func(req *sip.Request, _ sip.ServerTransaction) {
		if r.onAck != nil {
			r.onAck(req)
		}
		r.hear(req.Method)
	})
	server.OnBye(func(req *sip.Request, tx sip.ServerTransaction) {
		r.respond(tx, sip.NewResponseFromRequest(req, 200, "OK", nil))
		r.hear(req.Method)
	})
	r.serve(server, network, host)
	return r
}

func (r *recorder) serve(server *sipgo.Server, network, host string) {
	var done sync.WaitGroup
	here := net.JoinHostPort(host, "0")
	var closer io.Closer
	if network == "tcp" {
		l, err := net.Listen("tcp", here)
		if err != nil {
			r.t.Fatal(err)
		}
		closer, r.address = l, l.Addr().(*net.TCPAddr).AddrPort()
		done.Go(func() { server.ServeTCP(l) }) // Ends when l is closed.
	} else {
		c, err := net.ListenPacket("udp", here)
		if err != nil {
			r.t.Fatal(err)
		}
		closer, r.address = c, c.LocalAddr().(*net.UDPAddr).AddrPort()
		done.Go(func() { server.ServeUDP(c) }) // Ends when c is closed.
	}
	r.t.Cleanup(func() {
		closer.Close()
		r.agent.Close()
		done.Wait()
		for _, pair := range r.media {
			pair[0].close()
			pair[1].close()
		}
	})
}

func (r *recorder) respond(tx sip.ServerTransaction, res *sip.Response) {
	if err := tx.Respond(res); err != nil {
		r.t.Errorf("respond: %v", err)
	}
}

// ok is the answer that accepts a call, with sockets open for it.
func (r *recorder) ok(req *sip.Request) *sip.Response {
	pair := [2]*sink{openSink(r.t, r.address.Addr()), openSink(r.t, r.address.Addr())}
	r.mu.Lock()
	r.media[req.CallID().Value()] = pair
	r.mu.Unlock()
	ports := [2]uint16{pair[0].port(), pair[1].port()}
	body := r.plainAnswer(ports)
	if r.answer != nil {
		body = r.answer(ports)
	}
	res := sip.NewResponseFromRequest(req, 200, "OK", []byte(body))
	res.AppendHeader(&sip.ContactHeader{Address: sip.Uri{Scheme: "sip", Host: r.address.Addr().String(), Port: int(r.address.Port())}})
	res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	res.AppendHeader(sip.NewHeader("Server", "recorder-of-this-test"))
	return res
}

func (r *recorder) plainAnswer(ports [2]uint16) string {
	family := map[bool]string{true: "IP4", false: "IP6"}[r.address.Addr().Is4()]
	answer := fmt.Sprintf("v=0\r\no=- 1 1 IN %s %s\r\ns=-\r\nc=IN %s %[2]s\r\nt=0 0\r\n", family, r.address.Addr(), family)
	for i, port := range ports {
		answer += fmt.Sprintf("m=audio %d RTP/AVP 0 8\r\na=recvonly\r\na=rtcp-mux\r\na=label:%d\r\n", port, i+1)
	}
	return answer
}

func (r *recorder) accept(req *sip.Request, tx sip.ServerTransaction) { r.respond(tx, r.ok(req)) }

func (r *recorder) hear(m sip.RequestMethod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, m)
	close(r.changed)
	r.changed = make(chan struct{})
}

// wait returns when these requests have come, in any number and order.
func (r *recorder) wait(methods ...sip.RequestMethod) {
	for {
		r.mu.Lock()
		missing := slices.DeleteFunc(slices.Clone(methods), func(m sip.RequestMethod) bool { return slices.Contains(r.heard, m) })
		changed := r.changed
		r.mu.Unlock()
		if len(missing) == 0 {
			return
		}
		<-changed
	}
}

func (r *recorder) invited(t *testing.T) *sip.Request {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.invites) != 1 {
		t.Fatalf("%d INVITEs, want 1", len(r.invites))
	}
	return r.invites[0]
}

// received returns the payloads of a call, in order, and what RTCP said.
func (r *recorder) received(callID string, want [2]int) (payload [2][]byte, reports [2][]byte) {
	r.mu.Lock()
	pair := r.media[callID]
	r.mu.Unlock()
	for i, s := range pair {
		payload[i], reports[i] = s.take(want[i])
	}
	return payload, reports
}

// sink takes the packets of one leg.
type sink struct {
	t    *testing.T
	conn *net.UDPConn
}

func openSink(t *testing.T, addr netip.Addr) *sink {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
	if err != nil {
		t.Fatal(err)
	}
	return &sink{t, conn}
}

func (s *sink) port() uint16 { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

func (s *sink) close() { s.conn.Close() }

// take reads until so many bytes of payload and an RTCP goodbye have come; a call is over when it is used, so that
// everything is there. It checks what each packet must have.
func (s *sink) take(want int) (payload, rtcp []byte) {
	var first []byte
	b := make([]byte, 2048)
	for goodbye := false; len(payload) < want || !goodbye; {
		n, _, err := s.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			s.t.Errorf("read media: %v", err)
			return payload, rtcp
		}
		p := slices.Clone(b[:n])
		if p[1] >= 200 && p[1] <= 204 {
			rtcp = p
			goodbye = strings.Contains(string(p), "\x81\xCB\x00\x01")
			continue
		}
		if first == nil {
			first = p
		}
		i := len(payload) / packetBytes
		seq, ts := binary.BigEndian.Uint16(p[2:]), binary.BigEndian.Uint32(p[4:])
		switch {
		case len(p) != 12+packetBytes || p[0] != 0x80:
			s.t.Errorf("packet %d: % x", i, p[:12])
		case seq != binary.BigEndian.Uint16(first[2:])+uint16(i) || ts != binary.BigEndian.Uint32(first[4:])+uint32(i*packetBytes):
			s.t.Errorf("packet %d: sequence number %d, timestamp %d", i, seq, ts)
		case string(p[8:12]) != string(first[8:12]) || (p[1]&0x80 != 0) != (i == 0):
			s.t.Errorf("packet %d: source or marker: % x", i, p[:12])
		}
		payload = append(payload, p[12:]...)
	}
	return payload, rtcp
}

// parts splits the body of an INVITE with the standard library's reader.
func parts(t *testing.T, req *sip.Request) (offer *sdp.SessionDescription, metadata []byte) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(req.GetHeader("Content-Type").Value())
	if err != nil || kind != "multipart/mixed" {
		t.Fatalf("content type %q: %v", kind, err)
	}
	reader := multipart.NewReader(strings.NewReader(string(req.Body())), params["boundary"])
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return offer, metadata
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		switch kind := part.Header.Get("Content-Type"); kind {
		case "application/sdp":
			offer = new(sdp.SessionDescription)
			if err := offer.Unmarshal(b); err != nil {
				t.Fatal(err)
			}
		case "application/rs-metadata+xml":
			if got := part.Header.Get("Content-Disposition"); got != "recording-session" {
				t.Errorf("disposition %q", got)
			}
			metadata = b
		default:
			t.Errorf("part of type %q", kind)
		}
	}
}
