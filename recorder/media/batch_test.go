package media

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// counter is a sink that costs next to nothing.
type counter struct{ packets int }

func (c *counter) Packet(Kind, netip.AddrPort, time.Time, []byte) { c.packets++ }

// idlePort is a port that no engine sweeps.
func idlePort(t testing.TB, address netip.Addr, sink Sink) (*Port, *net.UDPConn) {
	t.Helper()
	e := start(t, Config{Address: address, Period: never})
	even, rtp, rtcp, err := e.bind()
	if err != nil {
		t.Fatal(err)
	}
	p := &Port{engine: e, sink: sink, number: even, rtp: socket{fd: rtp}, rtcp: socket{fd: rtcp}}
	t.Cleanup(func() { p.rtp.close(); p.rtcp.close() })
	c, _ := sender(t, address, even)
	return p, c
}

func TestNothingAllocated(t *testing.T) {
	for _, address := range []netip.Addr{loopback4, loopback6} {
		sink := new(counter)
		p, c := idlePort(t, address, sink)
		s := sweeper{batch: newBatch()}
		s.add(p)
		packet := rtpPacket(1)
		const runs = 50
		got := testing.AllocsPerRun(runs, func() {
			for range 5 {
				c.Write(packet)
			}
			s.sweep(time.Now())
		})
		if got != 0 {
			t.Errorf("%v: %v allocations a sweep, want 0", address, got)
		}
		if want := 5 * (runs + 1); sink.packets != want { // AllocsPerRun runs once more to warm up.
			t.Errorf("%v: %d packets, want %d", address, sink.packets, want)
		}
	}
}

func TestControl(t *testing.T) {
	sweep := time.Now()
	for name, b := range map[string][]byte{
		"none":       nil,
		"cut header": make([]byte, unix.SizeofCmsghdr-1),
		"no length":  make([]byte, unix.SizeofCmsghdr),
	} {
		at, dropped := control(b, sweep)
		if !at.Equal(sweep) || dropped != 0 {
			t.Errorf("%s: got %v, %d, want the time of the sweep and 0", name, at, dropped)
		}
	}
}

func TestLostSince(t *testing.T) {
	s := socket{lost: 1<<32 - 2}
	for i, test := range []struct {
		dropped uint32
		want    uint64
	}{{1<<32 - 2, 0}, {1<<32 - 1, 1}, {2, 3}, {1, 0}, {2, 0}} {
		if got := s.lostSince(test.dropped); got != test.want {
			t.Errorf("step %d: got %d, want %d", i, got, test.want)
		}
	}
}

// The cost of one packet in a visit that finds five, as the default period does. Sending is not timed, but the
// clock is stopped and started around it, which adds some.
func BenchmarkSweep(b *testing.B) {
	const ports, each = 64, 5
	sink := new(counter)
	s := sweeper{batch: newBatch()}
	var senders []*net.UDPConn
	for range ports {
		p, c := idlePort(b, loopback4, sink)
		s.add(p)
		senders = append(senders, c)
	}
	packet := rtpPacket(1)
	b.ReportAllocs()
	b.StopTimer()
	for n := 0; n < b.N; n += ports * each {
		for _, c := range senders {
			for range each {
				c.Write(packet)
			}
		}
		b.StartTimer()
		s.sweep(time.Now())
		b.StopTimer()
	}
	if sink.packets < b.N {
		b.Errorf("%d packets, want at least %d", sink.packets, b.N)
	}
}

// Whatever the bytes, an answer comes, and the time of the sweep unless a timestamp is in there.
func FuzzControl(f *testing.F) {
	header := func(size, kind int, data ...byte) []byte {
		b := binary.NativeEndian.AppendUint64(nil, uint64(size))
		b = binary.NativeEndian.AppendUint32(b, unix.SOL_SOCKET)
		return append(binary.NativeEndian.AppendUint32(b, uint32(kind)), data...)
	}
	f.Add(header(32, unix.SCM_TIMESTAMPNS, make([]byte, 16)...))
	f.Add(append(header(20, unix.SO_RXQ_OVFL, 1, 0, 0, 0, 0, 0, 0, 0), header(32, unix.SCM_TIMESTAMPNS, make([]byte, 16)...)...))
	f.Add(header(1<<40, unix.SCM_TIMESTAMPNS))
	sweep := time.Unix(1, 2)
	f.Fuzz(func(t *testing.T, b []byte) {
		at, _ := control(b, sweep)
		stamp := binary.NativeEndian.AppendUint32(nil, unix.SCM_TIMESTAMPNS)
		if !at.Equal(sweep) && !bytes.Contains(b, stamp) {
			t.Errorf("got %v without a timestamp", at)
		}
	})
}
