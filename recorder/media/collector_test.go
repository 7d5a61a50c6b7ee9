package media

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
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
