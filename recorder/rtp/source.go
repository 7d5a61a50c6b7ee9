package rtp

import (
	"math"
	"time"
)

const (
	// window is how many packets back a late one is told from a duplicate: 20 s of 20 ms.
	window = 1024
	// maxMisorder and maxDropout are how far, in packets, a sequence number may lie behind and ahead of the highest before the
	// sender must have started anew (RFC 3550, A.1, which has 100 and 3000).
	maxMisorder = 500
	maxDropout  = 3000
)

// Source follows one SSRC. Unlike RFC 3550, A.1, it has no probation: a recorder keeps the first packet too. The zero value is
// ready.
type Source struct {
	started   bool
	highest   uint64 // extended sequence number: cycles above the packet's 16 bits
	base      uint64 // of the first packet since the start or restart
	ts        int64  // extended timestamp of the highest packet
	seen      [window / 64]uint64
	expected  int64 // packets of the runs before the last restart
	jitter    float64
	transit   float64
	transited bool

	packets, duplicate, late, restarts int64
}

// Placement says where a packet belongs among those of its source.
type Placement struct {
	Seq       uint64 // extended
	Timestamp int64  // extended, ticks; may be negative for packets before the first
	Duplicate bool
	Late      bool // came after a packet that was sent later
	Restarted bool // the sender's counters jumped: Seq and Timestamp have no relation to those before
}

// Stats of a source (RFC 3550, A.3 and A.8).
type Stats struct {
	Packets, Lost, Duplicate, Late, Restarts int64
	JitterTicks                              float64
}

// firstCycle keeps extended sequence numbers of packets before the first one positive.
const firstCycle = 1 << 16

// Update takes a packet's header with its arrival. The clock rate is that of its payload type, in Hz.
func (s *Source) Update(h Header, at time.Time, clockRate int) Placement {
	if !s.started {
		s.start(h)
	}
	delta := int64(int16(h.Seq - uint16(s.highest))) // RFC 1982: the shorter way round
	p := Placement{}
	if delta > maxDropout || delta < -maxMisorder {
		s.expected += s.span()
		s.restarts++
		s.start(h)
		delta, p.Restarted = 0, true
	}
	p.Seq = uint64(int64(s.highest) + delta)
	p.Timestamp = s.ts + int64(int32(h.Timestamp-uint32(s.ts)))
	s.base = min(s.base, p.Seq)
	switch {
	case delta > 0:
		s.advance(delta)
		s.highest, s.ts = p.Seq, p.Timestamp
	case s.marked(p.Seq):
		p.Duplicate = true
		s.duplicate++
		return p
	default:
		p.Late = delta < 0
	}
	s.mark(p.Seq)
	s.packets++
	if p.Late {
		s.late++
	}
	s.updateJitter(h, at, clockRate)
	return p
}

func (s *Source) start(h Header) {
	s.started = true
	s.highest = firstCycle + uint64(h.Seq)
	s.base = s.highest
	s.ts = int64(h.Timestamp)
	s.seen = [window / 64]uint64{}
	s.transited = false
}

// span is how many packets the sender has sent since the last restart, as far as is known.
func (s *Source) span() int64 { return int64(s.highest - s.base + 1) }

// advance forgets what the window slides over.
func (s *Source) advance(delta int64) {
	if delta >= window {
		s.seen = [window / 64]uint64{}
		return
	}
	for i := s.highest + 1; i <= s.highest+uint64(delta); i++ {
		s.seen[i/64%(window/64)] &^= 1 << (i % 64)
	}
}

func (s *Source) mark(seq uint64)        { s.seen[seq/64%(window/64)] |= 1 << (seq % 64) }
func (s *Source) marked(seq uint64) bool { return s.seen[seq/64%(window/64)]&(1<<(seq%64)) != 0 }

// updateJitter is RFC 3550, A.8.
func (s *Source) updateJitter(h Header, at time.Time, clockRate int) {
	if clockRate <= 0 {
		return
	}
	arrival := math.Mod(float64(at.UnixMicro())*float64(clockRate)/1e6, 1<<32)
	transit := arrival - float64(h.Timestamp)
	if s.transited {
		d := math.Abs(transit - s.transit)
		if d > 1<<31 { // one of the two clocks wrapped
			d = 1<<32 - d
		}
		s.jitter += (d - s.jitter) / 16
	}
	s.transit, s.transited = transit, true
}

// Stats may be asked for at any time.
func (s *Source) Stats() Stats {
	st := Stats{Packets: s.packets, Duplicate: s.duplicate, Late: s.late, Restarts: s.restarts, JitterTicks: s.jitter}
	if s.started {
		st.Lost = max(0, s.expected+s.span()-s.packets)
	}
	return st
}
