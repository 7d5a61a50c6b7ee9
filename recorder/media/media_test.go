package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	loopback4 = netip.MustParseAddr("127.0.0.1")
	loopback6 = netip.MustParseAddr("::1")
	// alone is an address of this machine that no other program's tests use, for tests that need certain ports.
	alone = netip.MustParseAddr("127.83.7.1")
)

// never is a period that no test lives to see the end of.
const never = time.Hour

type received struct {
	kind Kind
	from netip.AddrPort
	at   time.Time
	data []byte
}

// collector keeps copies. After seal it fails the test on every further packet.
type collector struct {
	t *testing.T

	mu sync.Mutex
	// Guarded by mu.
	packets []received
	sealed  bool
	more    chan struct{}
}

func newCollector(t *testing.T) *collector { return &collector{t: t, more: make(chan struct{}, 1)} }

func (c *collector) Packet(kind Kind, from netip.AddrPort, at time.Time, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sealed {
		c.t.Error("packet after Close")
	}
	c.packets = append(c.packets, received{kind, from, at, bytes.Clone(b)})
	select {
	case c.more <- struct{}{}:
	default:
	}
}

func (c *collector) all() []received {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.packets)
}

func (c *collector) wait(n int) []received {
	c.t.Helper()
	for {
		if got := c.all(); len(got) >= n {
			return got
		}
		<-c.more
	}
}

func (c *collector) seal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sealed = true
}

func start(t testing.TB, c Config) *Engine {
	t.Helper()
	if !c.Address.IsValid() {
		c.Address = loopback4
	}
	if c.PortMin == 0 {
		c.PortMin, c.PortMax = 20000, 29999
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func open(t testing.TB, e *Engine, sink Sink) *Port {
	t.Helper()
	p, err := e.Open(sink)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sender returns a connected socket and its own address.
func sender(t testing.TB, to netip.Addr, port uint16) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	own := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return c, netip.AddrPortFrom(own.Addr().Unmap(), own.Port())
}

func send(t testing.TB, c *net.UDPConn, packet []byte) {
	t.Helper()
	if _, err := c.Write(packet); err != nil {
		t.Fatal(err)
	}
}

func rtpPacket(seq uint16) []byte {
	b := make([]byte, 12+160)
	b[0], b[1] = 0x80, 0
	binary.BigEndian.PutUint16(b[2:], seq)
	return b
}

// A sender report, RFC 3550, 6.4.1.
func senderReport() []byte {
	b := make([]byte, 28)
	b[0], b[1], b[3] = 0x80, 200, 6
	return b
}

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

func TestShortBufferWarnsOnce(t *testing.T) {
	var log bytes.Buffer
	e := start(t, Config{Period: never, ReadBuffer: 1 << 29, Log: slog.New(slog.NewTextHandler(&log, nil))})
	open(t, e, newCollector(t))
	open(t, e, newCollector(t))
	if got := strings.Count(log.String(), "rmem_max"); got != 1 {
		t.Errorf("%d warnings, want 1: %s", got, log.String())
	}
	if got := e.Load().ShortBuffers; got != 2 {
		t.Errorf("%d short buffers, want 2", got)
	}
}

func TestNoPort(t *testing.T) {
	e := start(t, Config{Address: alone, Period: never, PortMin: 30001, PortMax: 30007}) // Even: 30002, 30004, 30006.
	if got := e.Free(); got != 3 {
		t.Fatalf("%d free, want 3", got)
	}
	var got []uint16
	var last *Port
	for range 3 {
		last = open(t, e, newCollector(t))
		got = append(got, last.RTP())
	}
	slices.Sort(got)
	if want := []uint16{30002, 30004, 30006}; !slices.Equal(got, want) {
		t.Errorf("got ports %v, want %v", got, want)
	}
	if _, err := e.Open(newCollector(t)); !errors.Is(err, ErrNoPort) {
		t.Errorf("got error %v, want ErrNoPort", err)
	}
	last.Close()
	if _, err := e.Open(newCollector(t)); !errors.Is(err, ErrNoPort) {
		t.Errorf("a port that was closed just now: got error %v, want ErrNoPort", err)
	}
}

// A pair of which another program holds one port is passed over, and is tried again later.
func TestPortInUse(t *testing.T) {
	for _, held := range []int{30102, 30103} {
		e := start(t, Config{Address: alone, Period: never, PortMin: 30100, PortMax: 30103})
		other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: alone.AsSlice(), Port: held})
		if err != nil {
			t.Fatal(err)
		}
		if p := open(t, e, newCollector(t)); p.RTP() != 30100 {
			t.Errorf("got port %d, want 30100", p.RTP())
		}
		if _, err := e.Open(newCollector(t)); !errors.Is(err, ErrNoPort) {
			t.Errorf("got error %v, want ErrNoPort", err)
		}
		other.Close()
		if p := open(t, e, newCollector(t)); p.RTP() != 30102 {
			t.Errorf("got port %d, want 30102", p.RTP())
		}
		e.Close()
	}
}

func TestEngineClose(t *testing.T) {
	before := descriptors(t)
	e := start(t, Config{Period: never})
	sink := newCollector(t)
	var ports []*Port
	for range 10 {
		ports = append(ports, open(t, e, sink))
	}
	media, _ := sender(t, loopback4, ports[3].RTP())
	send(t, media, rtpPacket(1))
	media.Close()
	ports[0].Close()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	sink.seal()
	for _, p := range ports {
		p.Close()
	}
	if got := sink.all(); len(got) != 1 {
		t.Errorf("got %d packets, want the one that the kernel held", len(got))
	}
	if _, err := e.Open(sink); !errors.Is(err, ErrClosed) {
		t.Errorf("open after close: got error %v, want ErrClosed", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
}

func descriptors(t *testing.T) (sockets int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			sockets++
		}
	}
	return sockets
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

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"no address":      {PortMin: 1000, PortMax: 2000},
		"zone":            {Address: netip.MustParseAddr("fe80::1%lo"), PortMin: 1000, PortMax: 2000},
		"no pair":         {Address: loopback4, PortMin: 1001, PortMax: 1002},
		"empty range":     {Address: loopback4, PortMin: 2000, PortMax: 1000},
		"no range":        {Address: loopback4},
		"negative period": {Address: loopback4, PortMin: 1000, PortMax: 2000, Period: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// An address that is not this machine's is the operator's mistake, not a lack of ports.
func TestOpenForeignAddress(t *testing.T) {
	e := start(t, Config{Address: netip.MustParseAddr("192.0.2.1"), Period: never})
	free := e.Free()
	if _, err := e.Open(newCollector(t)); err == nil || errors.Is(err, ErrNoPort) {
		t.Errorf("got error %v, want one about the address", err)
	}
	if got := e.Free(); got != free {
		t.Errorf("%d free, want %d", got, free)
	}
}
