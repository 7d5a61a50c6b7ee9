package rtp

import (
	"math"
	"time"
)

const (
	// window is how many packets back a late one is told from a duplicate: 20 s of 20 ms.
	window = 1024
	// maxMisorder and maxDropout are how far, in packets, a sequence number may lie behind and ahead of the highest before it
	// counts as a jump (RFC 3550, A.1, which has 100 and 3000). The window must reach further back than maxMisorder.
	maxMisorder = 500
	maxDropout  = 3000
	// minInterval is the shortest time between two packets of one sender that a jump is measured by.
	minInterval = 5 * time.Millisecond
	// maxDrift is by how much the sender's clock and the arrival may disagree over an outage, and how late a packet may be
	// before it says more of a clock that was set than of jitter.
	maxDrift = 2 * time.Second
	// firstCycle keeps the extended sequence numbers of packets before the first one positive.
	firstCycle = 1 << 16
)

// Source follows one SSRC by RFC 3550, A.1, but without probation: a recorder keeps the first packet too. The zero value is
// ready.
type Source struct {
	started   bool
	highest   uint64    // extended sequence number: cycles above the packet's 16 bits
	base      uint64    // the lowest since the start or the last restart
	timestamp int64     // extended timestamp of the highest
	arrival   time.Time // of the highest
	seen      [window / 64]uint64

	strayed bool   // the last packet was a stray, and
	confirm uint16 // is the sequence number that would make it a restart

	jitter, jitterSum, transit float64 // ticks
	jitters                    int64   // packets in jitterSum
	transitRate                int     // clock rate that transit was measured with; 0 when there is no transit

	earlier                                   int64 // packets expected in the runs before the last restart
	packets, duplicate, late, stray, restarts int64
}

// Placement says where a packet belongs among those of its source.
type Placement struct {
	Seq       uint64 // extended
	Timestamp int64  // extended, ticks; may be negative for packets before the first
	Duplicate bool
	Late      bool // came after a packet that was sent later
	Restarted bool // the sender's counters jumped: Seq and Timestamp have no relation to those before
	Stray     bool // its sequence number fits nowhere, so there is no Seq and no Timestamp; the next packet tells what it was
}

// Stats of a source (RFC 3550, A.3 and A.8).
type Stats struct {
	Packets, Lost, Duplicate, Late, Stray, Restarts int64
	JitterTicks                                     float64 // the estimate at the last packet
	MeanJitterTicks                                 float64 // its mean over all packets
}

// Update takes a packet's header with its arrival. The clock rate is that of its payload type in Hz, or 0 when its timestamp
// says nothing of jitter.
func (s *Source) Update(h Header, at time.Time, clockRate int) Placement {
	var p Placement
	if !s.started {
		s.start(h, h.Seq)
	}
	delta := int64(int16(h.Seq - uint16(s.highest))) // RFC 1982: the shorter way round
	if delta > maxDropout || delta < -maxMisorder {
		switch {
		case s.outage(h, at, clockRate):
			delta = int64(h.Seq - uint16(s.highest))
		case s.strayed && h.Seq == s.confirm: // two in a row: the sender has started anew
			s.restart(h)
			delta, p.Restarted = 1, true
		default:
			s.strayed, s.confirm = true, h.Seq+1
			s.stray++
			return Placement{Stray: true}
		}
	}
	s.strayed = false
	p.Seq = uint64(int64(s.highest) + delta)
	p.Timestamp = s.timestamp + int64(int32(h.Timestamp-uint32(s.timestamp)))
	switch {
	case delta > 0:
		s.advance(delta)
		s.highest, s.timestamp, s.arrival = p.Seq, p.Timestamp, at
	case s.marked(p.Seq):
		p.Duplicate = true
		s.duplicate++
		return p
	case delta < 0:
		p.Late = true
		s.late++
	default: // the first packet
		s.arrival = at
	}
	s.base = min(s.base, p.Seq)
	s.mark(p.Seq)
	s.packets++
	s.updateJitter(p.Timestamp, at, clockRate)
	return p
}

// outage says whether a jump is the sender that went on while nothing came through: its timestamp has risen by as much as
// the time that passed. Then the jump is loss, however long it is.
func (s *Source) outage(h Header, at time.Time, clockRate int) bool {
	if clockRate <= 0 {
		return false
	}
	passed := at.Sub(s.arrival)
	sent := time.Duration(h.Timestamp-uint32(s.timestamp)) * time.Second / time.Duration(clockRate)
	ahead := time.Duration(h.Seq - uint16(s.highest))
	return (sent-passed).Abs() <= maxDrift && ahead*minInterval <= passed
}

func (s *Source) start(h Header, seq uint16) {
	s.started = true
	s.highest = firstCycle + uint64(seq)
	s.base = s.highest
	s.timestamp = int64(h.Timestamp)
	s.seen = [window / 64]uint64{}
	s.transitRate = 0
}

// restart begins a new run with the stray before this packet, which has turned out to be its first.
func (s *Source) restart(h Header) {
	s.earlier += s.span()
	s.restarts++
	s.start(h, h.Seq-1)
	s.mark(s.highest)
	s.stray--
	s.packets++
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

// updateJitter is RFC 3550, A.8. What a clock that jumps does to the transit time is not jitter and is left out.
func (s *Source) updateJitter(timestamp int64, at time.Time, clockRate int) {
	if clockRate <= 0 {
		return
	}
	rate := float64(clockRate)
	transit := float64(at.Unix())*rate + float64(at.Nanosecond())/1e9*rate - float64(timestamp)
	d := math.Abs(transit - s.transit)
	if s.transitRate == clockRate && d <= maxDrift.Seconds()*rate {
		s.jitter += (d - s.jitter) / 16
		s.jitterSum += s.jitter
		s.jitters++
	}
	s.transit, s.transitRate = transit, clockRate
}

// Stats may be asked for at any time.
func (s *Source) Stats() Stats {
	st := Stats{
		Packets: s.packets, Duplicate: s.duplicate, Late: s.late, Stray: s.stray, Restarts: s.restarts, JitterTicks: s.jitter,
	}
	if s.started {
		st.Lost = s.earlier + s.span() - s.packets
	}
	if s.jitters > 0 {
		st.MeanJitterTicks = s.jitterSum / float64(s.jitters)
	}
	return st
}
