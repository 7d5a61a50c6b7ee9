package media

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"
)

func TestDelivers(t *testing.T) {
	for _, address := range []netip.Addr{loopback4, loopback6} {
		t.Run(address.String(), func(t *testing.T) {
			e := start(t, Config{Address: address, Period: time.Millisecond})
			sink := newCollector(t)
			p := open(t, e, sink)
			if p.RTP()%2 != 0 || p.RTCP() != p.RTP()+1 || p.RTP() < 20000 || p.RTCP() > 29999 {
				t.Errorf("ports %d and %d", p.RTP(), p.RTCP())
			}
			media, mediaFrom := sender(t, address, p.RTP())
			report, reportFrom := sender(t, address, p.RTCP())

			before := time.Now()
			send(t, media, rtpPacket(7))
			send(t, media, senderReport()) // Multiplexed.
			sink.wait(2)
			send(t, report, senderReport())
			got := sink.wait(3)
			after := time.Now()

			for i, want := range []received{
				{kind: RTP, from: mediaFrom, data: rtpPacket(7)},
				{kind: RTCP, from: mediaFrom, data: senderReport()},
				{kind: RTCP, from: reportFrom, data: senderReport()},
			} {
				g := got[i]
				if g.kind != want.kind || g.from != want.from || !bytes.Equal(g.data, want.data) {
					t.Errorf("packet %d: got %v from %v, %x; want %v from %v, %x", i, g.kind, g.from, g.data, want.kind, want.from, want.data)
				}
				if g.at.Before(before.Round(0)) || g.at.After(after.Round(0)) {
					t.Errorf("packet %d arrived at %v, not between %v and %v", i, g.at, before, after)
				}
			}
			p.Close()
			if got, want := p.Counters(), (Counters{RTPPackets: 1, RTPBytes: 172, RTCPPackets: 2, RTCPBytes: 56}); got != want {
				t.Errorf("counters: got %+v, want %+v", got, want)
			}
		})
	}
}

// The unspecified IPv6 address serves both families, and IPv4 senders look like IPv4 senders.
func TestDualStack(t *testing.T) {
	e := start(t, Config{Address: netip.IPv6Unspecified(), Period: never})
	sink := newCollector(t)
	p := open(t, e, sink)
	four, from4 := sender(t, loopback4, p.RTP())
	six, from6 := sender(t, loopback6, p.RTP())
	send(t, four, rtpPacket(4))
	send(t, six, rtpPacket(6))
	p.Close()
	got := sink.all()
	if len(got) != 2 || got[0].from != from4 || got[1].from != from6 {
		t.Errorf("got %v, want packets from %v and %v", got, from4, from6)
	}
}

// What was queued before Close is delivered, in order, with the kernel's time; what comes later never is.
func TestCloseSweeps(t *testing.T) {
	const packets = 3*batchSize + 5
	e := start(t, Config{Period: never})
	sink := newCollector(t)
	p := open(t, e, sink)
	media, _ := sender(t, loopback4, p.RTP())
	report, _ := sender(t, loopback4, p.RTCP())
	for i := range packets {
		send(t, media, rtpPacket(uint16(i)))
	}
	send(t, report, senderReport())
	if n := len(sink.all()); n > 0 {
		t.Fatalf("%d packets before any sweep", n)
	}
	sent := time.Now()
	p.Close()
	sink.seal()
	p.Close() // Again: nothing happens.

	got := sink.all()
	if len(got) != packets+1 {
		t.Fatalf("got %d packets, want %d", len(got), packets+1)
	}
	for i, g := range got[:packets] {
		if !bytes.Equal(g.data, rtpPacket(uint16(i))) {
			t.Fatalf("packet %d: got %x", i, g.data[:4])
		}
		if g.at.After(sent.Round(0)) {
			t.Errorf("packet %d has the time of the sweep, not its own", i)
		}
	}
	if got := p.Counters(); got.RTPPackets != packets || got.RTCPPackets != 1 {
		t.Errorf("counters %+v", got)
	}
}

// A sender who never stops must not keep Close from returning.
func TestCloseUnderFlood(t *testing.T) {
	e := start(t, Config{Period: time.Millisecond})
	sink := newCollector(t)
	p := open(t, e, sink)
	media, _ := sender(t, loopback4, p.RTP())
	stop := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() { // Ends when stop is closed.
		for {
			select {
			case <-stop:
				return
			default:
				media.Write(rtpPacket(1)) // Refused once the port is closed.
			}
		}
	})
	sink.wait(500)
	p.Close()
	sink.seal()
	close(stop)
	flood.Wait()
}

func TestOversized(t *testing.T) {
	e := start(t, Config{Period: never})
	sink := newCollector(t)
	p := open(t, e, sink)
	media, _ := sender(t, loopback4, p.RTP())
	fits, tooLong := make([]byte, packetSize), make([]byte, packetSize+1)
	send(t, media, tooLong)
	send(t, media, fits)
	send(t, media, nil) // An empty datagram is a packet too; the sink knows what to think of it.
	p.Close()
	got := sink.all()
	if len(got) != 2 || len(got[0].data) != packetSize || len(got[1].data) != 0 {
		t.Errorf("got %d packets, want one of %d bytes and an empty one", len(got), packetSize)
	}
	if got, want := p.Counters(), (Counters{RTPPackets: 2, RTPBytes: packetSize, Oversized: 1}); got != want {
		t.Errorf("counters: got %+v, want %+v", got, want)
	}
}

// Every packet is either delivered or counted, both when the kernel tells in passing and when it must be asked.
func TestOverflow(t *testing.T) {
	for _, more := range []bool{false, true} {
		t.Run(fmt.Sprintf("more=%v", more), func(t *testing.T) {
			const packets = 2000
			e := start(t, Config{Period: never, ReadBuffer: 16 << 10})
			sink := newCollector(t)
			p := open(t, e, sink)
			media, _ := sender(t, loopback4, p.RTP())
			for i := range packets {
				send(t, media, rtpPacket(uint16(i)))
			}
			want := uint64(packets)
			if more {
				s := sweeper{batch: newBatch()}
				s.visit(p, &p.rtp, RTP, time.Now(), allOfIt) // The engine's own thread sleeps.
				send(t, media, rtpPacket(0))
				s.visit(p, &p.rtp, RTP, time.Now(), allOfIt)
				if p.Counters().Overflow == 0 {
					t.Error("no overflow told with the next packet")
				}
				want++
			}
			p.Close()
			got := p.Counters()
			if got.Overflow == 0 || got.RTPPackets+got.Overflow != want {
				t.Errorf("delivered %d, overflow %d, want %d in all", got.RTPPackets, got.Overflow, want)
			}
		})
	}
}

// Calls come and go while packets arrive. Every sink gets exactly its own.
func TestConcurrentCalls(t *testing.T) {
	e := start(t, Config{Period: time.Millisecond})
	var calls sync.WaitGroup
	for call := range 8 {
		calls.Go(func() { // Ends after five ports.
			for range 5 {
				sink := newCollector(t)
				p, err := e.Open(sink)
				if err != nil {
					t.Error(err)
					return
				}
				media, from := sender(t, loopback4, p.RTP())
				for i := range 40 {
					send(t, media, append(rtpPacket(uint16(i)), byte(call)))
				}
				p.Close()
				sink.seal()
				got := sink.all()
				if len(got) != 40 {
					t.Errorf("call %d: got %d packets, want 40", call, len(got))
				}
				for i, g := range got {
					if g.from != from || !bytes.Equal(g.data, append(rtpPacket(uint16(i)), byte(call))) {
						t.Errorf("call %d: packet %d is foreign", call, i)
					}
				}
			}
		})
	}
	calls.Wait()
	if l := e.Load(); l.Swept.IsZero() || l.Busy < 0 {
		t.Errorf("load %+v", l)
	}
}
