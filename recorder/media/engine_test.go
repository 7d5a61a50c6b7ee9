package media

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
)

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
