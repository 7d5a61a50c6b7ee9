package audio

import "time"

const (
	// jumpLimit is how far a packet's timestamp may disagree with its arrival before it is taken to be of another clock. Voice
	// networks hardly delay packets by more; a packet that they did delay more is sorted out by joinSegments.
	jumpLimit = 500 * time.Millisecond
	// maxLead is how much sooner packets may come than the first of their segment did. After a stall a network delivers at
	// once what it held back, and a sender's clock that is fast by 500 ppm gains 47 s in 26 hours. A sender that claims more
	// is not believed, or it could stretch the audio at will.
	maxLead = time.Minute
	// maxDrift is the part by which a sender's clock may be slow: 1000 ppm, ten times what real ones are.
	maxDrift = 1000
)

// segment is a run of packets of one source on one RTP clock: between any two of them the timestamps tell the time. A
// packet's tick is counted from the first packet of the segment and does not wrap.
type segment struct {
	sourceClock
	number int // in the order in which the segments of a stream began

	anchor uint32        // RTP timestamp of tick 0
	seq    int64         // extended sequence number of the newest packet
	tick   int64         // of the newest packet
	at     time.Duration // arrival of the newest packet
	oldest int64         // lowest tick

	// The offset of a packet is its arrival less its tick: when tick 0 was sent, plus the time the packet took.
	first  time.Duration // offset of the first packet
	recent time.Duration // lowest lately: follows a slow drift up
	offset time.Duration // lowest of all

	cover coverage

	// Set by joinSegments, placeSegments and findRivals, in this order.
	root   *segment      // the segment whose clock this one shares; itself when it has its own
	shift  int64         // tick 0 in ticks of root
	origin time.Duration // of a root: the lowest offset of all that share its clock, which places them
	total  time.Duration // of a root: the audio of all that share its clock
	placed bool
	place  int64      // of a root: the frame of its tick 0
	rivals []*segment // of the same stream and the same time, but stronger
	claims []stretch  // of a rival: what it has, by time
}

// spot is where a packet stands in its segment.
type spot struct {
	seq  int64
	tick int64
}

// newSegment begins a segment with a packet.
func newSegment(c sourceClock, seq uint16, timestamp uint32, at time.Duration) *segment {
	g := &segment{
		sourceClock: c, anchor: timestamp, seq: int64(seq), at: at,
		first: at, recent: at, offset: at,
	}
	g.root = g
	return g
}

// match says where a packet of so many ticks would stand, and whether it belongs here.
func (g *segment) match(seq uint16, timestamp uint32, at time.Duration, ticks int64) (s spot, ok bool) {
	expected := g.tick + samples(at-g.at, g.clockRate)
	s.tick = expected + int64(int32(timestamp-g.anchor-uint32(expected))) // of those that wrap to it the nearest
	ahead := int64(int16(seq - uint16(g.seq)))
	s.seq = g.seq + ahead

	offset := at - span(s.tick, g.clockRate)
	late := offset - g.recent
	gapless := abs(s.tick-g.tick) <= abs(ahead)*ticks // no more time between them than packets between them fill
	switch {
	case ahead <= 0 && s.tick > g.tick, ahead > 0 && s.tick < g.tick:
		return s, false // numbers and timestamps contradict each other: the sender began anew
	case ahead <= 0 && (s.tick >= g.oldest || gapless && span(g.tick-s.tick, g.clockRate) <= maxLead):
		return s, true // from among those that are here already, however late it is
	case g.first-offset > maxLead:
		return s, false
	case late.Abs() <= jumpLimit:
		return s, true
	}
	return s, late < 0 && gapless // it comes early only because those before it were held up
}

// take moves the segment on to a packet that matched.
func (g *segment) take(s spot, at time.Duration) {
	offset := at - span(s.tick, g.clockRate)
	g.offset = min(g.offset, offset)
	g.oldest = min(g.oldest, s.tick)
	if s.tick > g.tick || s.tick == g.tick && s.seq > g.seq {
		g.recent += max(0, at-g.at) / maxDrift
		g.seq, g.tick, g.at = s.seq, s.tick, at
	}
	g.recent = min(g.recent, offset)
}

// sent is when the first audio of the segment was sent, on the clock of arrivals.
func (g *segment) sent() time.Duration {
	return g.root.origin + span(g.shift+g.cover.from, g.clockRate)
}

// frames are the frames that ticks of the segment take in the audio.
func (g *segment) frames(from, to int64, rate int) (int64, int64) {
	return g.root.place + rescale(g.shift+from, g.clockRate, rate), g.root.place + rescale(g.shift+to, g.clockRate, rate)
}

// joinSegments finds segments of one source that share a clock although a packet between them did not seem to. After a
// stall, say, all packets are late at first; when they have caught up, the offset is what it was before.
func joinSegments(segments []*segment) {
	const candidates = 8 // the latest; more could only be made by a sender that jumps about
	roots := make(map[sourceClock][]*segment)
	for _, g := range segments {
		joined := false
		known := roots[g.sourceClock]
		for i := len(known) - 1; i >= max(0, len(known)-candidates) && !joined; i-- {
			joined = g.join(known[i])
		}
		if !joined {
			g.origin = g.offset
			roots[g.sourceClock] = append(known, g)
		}
		g.root.total += span(g.cover.ticks, g.clockRate)
	}
}

// join shares the clock of r if the two agree.
func (g *segment) join(r *segment) bool {
	expected := samples(g.offset-r.offset, g.clockRate)
	off := int64(int32(g.anchor - r.anchor - uint32(expected)))
	if span(off, g.clockRate).Abs() > jumpLimit {
		return false
	}
	g.root, g.shift = r, expected+off
	r.origin = min(r.origin, g.offset-span(g.shift, g.clockRate))
	return true
}

func abs(v int64) int64 { return max(v, -v) }

// rescale turns ticks of one rate into samples of another, rounding down.
func rescale(ticks int64, from, to int) int64 {
	if from == to {
		return ticks
	}
	f, t := int64(from), int64(to)
	whole, rest := ticks/f, ticks%f
	if rest < 0 {
		whole, rest = whole-1, rest+f
	}
	return whole*t + rest*t/f
}
