package audio

import (
	"cmp"
	"slices"
	"time"
)

const (
	// maxSegments of a stream: one for each second of an hour. Only a hostile sender jumps more often, and memory is bounded.
	maxSegments = 4096
	// maxRuns of a stream, 40 bytes each. With more, runs with short gaps between them are joined.
	maxRuns = 1 << 16
	// maxRecent is how many segments of a source a packet is compared with. Two would do for a packet that is late over a
	// jump; more keep a few absurd timestamps from driving the right segment out.
	maxRecent = 4
)

// sourceClock names what timestamps may be compared within: a source that changes to a codec of another rate begins anew.
type sourceClock struct {
	ssrc      uint32
	clockRate int
}

// timeline finds the segment of each packet of a stream. Shown the same packets in the same order it finds the same.
type timeline struct {
	segments []*segment
	recent   map[sourceClock][]*segment // used last first
	latest   map[uint32]*segment        // by SSRC
	runs     int
}

func newTimeline() *timeline {
	return &timeline{recent: make(map[sourceClock][]*segment), latest: make(map[uint32]*segment)}
}

// locate finds the segment of a packet that carries the time, or begins one. It finds none when there are too many.
func (t *timeline) locate(c sourceClock, seq uint16, timestamp uint32, at time.Duration, ticks int64) (*segment, spot) {
	recent := t.recent[c]
	for i, g := range recent {
		s, ok := g.match(seq, timestamp, at, ticks)
		if !ok {
			continue
		}
		g.take(s, at)
		if i > 0 {
			copy(recent[1:i+1], recent[:i])
			recent[0] = g
		}
		t.latest[c.ssrc] = g
		return g, s
	}
	if len(t.segments) == maxSegments {
		return nil, spot{}
	}
	g := newSegment(c, seq, timestamp, at)
	g.number = len(t.segments)
	t.segments = append(t.segments, g)
	t.recent[c] = slices.Insert(recent[:min(len(recent), maxRecent-1)], 0, g)
	t.latest[c.ssrc] = g
	return g, spot{seq: g.seq}
}

// alongside finds the segment of a packet whose timestamp says nothing of when it was sent: digits have that of their
// beginning all the time that they last, and another codec may have a clock of its own.
func (t *timeline) alongside(ssrc uint32, seq uint16) (*segment, spot) {
	g := t.latest[ssrc]
	if g == nil {
		return nil, spot{}
	}
	return g, spot{seq: g.seq + int64(int16(seq-uint16(g.seq))), tick: g.tick}
}

// note records what came where.
func (t *timeline) note(g *segment, s spot, ticks int64, kind content) {
	t.runs -= len(g.cover.runs)
	g.cover.add(kind, s.seq, s.tick, s.tick+ticks)
	t.runs += len(g.cover.runs)
	if t.runs <= maxRuns {
		return
	}
	longest := slices.MaxFunc(t.segments, func(a, b *segment) int { return cmp.Compare(len(a.cover.runs), len(b.cover.runs)) })
	t.runs -= len(longest.cover.runs)
	longest.cover.thin()
	t.runs += len(longest.cover.runs)
}

// heard are the segments that have audio, in the order in which it was sent.
func (t *timeline) heard() []*segment {
	var heard []*segment
	for _, g := range t.segments {
		if g.cover.audio {
			heard = append(heard, g)
		}
	}
	slices.SortStableFunc(heard, func(a, b *segment) int { return cmp.Compare(a.sent(), b.sent()) })
	return heard
}

// placeSegments puts all streams on one clock: frame 0 is the first audio of any of them. It returns when that was sent and
// how many frames there are.
func placeSegments(timelines []*timeline, rate int) (start time.Duration, frames int64) {
	first := true
	for _, t := range timelines {
		for _, g := range t.heard() {
			if sent := g.sent(); first || sent < start {
				first, start = false, sent
			}
		}
	}
	for _, t := range timelines {
		var end int64
		for i, g := range t.heard() {
			if g.root.placed {
				_, to := g.frames(g.cover.from, g.cover.to, rate)
				end = max(end, to)
				continue
			}
			g.root.placed, g.root.place = true, samples(g.root.origin-start, rate)
			from, to := g.frames(g.cover.from, g.cover.to, rate)
			// Delays differ a little between sources, so that one which takes over from another may seem to begin before the
			// other ends. That they really speak at the same time is believed only when they do so for longer.
			if overlap := end - from; i > 0 && to > end && overlap > 0 && span(overlap, rate) <= jumpLimit {
				g.root.place += overlap
				to += overlap
			}
			end = max(end, to)
		}
		frames = max(frames, end)
	}
	return start, frames
}
