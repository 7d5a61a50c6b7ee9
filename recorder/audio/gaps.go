package audio

import (
	"cmp"
	"slices"
)

// stretch is a part of the audio that was received, in frames.
type stretch struct {
	from, to int64
	before   string // cause of the gap in front of it, if there is one
}

// gaps lists what is missing of a channel between its audio, and how many short gaps were given up.
func gaps(heard []*segment, frames int64, rate int) (missing []Gap, omitted int64) {
	var stretches []stretch
	for i, g := range heard {
		before := CauseRestart
		if i > 0 && heard[i-1].root == g.root {
			before = g.after(heard[i-1])
		}
		stretches = g.stretches(stretches, before, rate)
		omitted += g.cover.omitted
	}
	slices.SortStableFunc(stretches, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	covered, cause := int64(0), CauseNotStarted
	for _, s := range stretches {
		if cause == "" {
			cause = s.before
		}
		missing = appendGap(missing, covered, s.from, rate, cause)
		covered, cause = max(covered, s.to), ""
	}
	if cause == "" {
		cause = CauseEnded
	}
	return appendGap(missing, covered, frames, rate, cause), omitted
}

func appendGap(list []Gap, from, to int64, rate int, cause string) []Gap {
	if from >= to {
		return list
	}
	return append(list, Gap{From: span(from, rate), To: span(to, rate), Cause: cause})
}

// after is the cause of a gap between a segment and another one of the same clock, by their sequence numbers alone.
func (g *segment) after(prev *segment) string {
	end := prev.cover.runs[len(prev.cover.runs)-1].lastSeq
	if int16(uint16(g.cover.runs[0].firstSeq)-uint16(end)) > 1 {
		return CauseLoss
	}
	return CauseSilence
}

// stretches appends the audio of a segment to list. What stands between two stretches is told by the packets between them.
func (g *segment) stretches(list []stretch, before string, rate int) []stretch {
	next := g.cover.runs[0].firstSeq
	for _, r := range g.cover.runs {
		if r.firstSeq > next {
			before = CauseLoss
		}
		next = r.lastSeq + 1
		switch {
		case r.content == contentAudio:
			from, to := g.frames(r.from, r.to, rate)
			list = append(list, stretch{from, to, before})
			before = CauseSilence
		case before != CauseSilence: // the graver cause stays
		case r.content == contentEvent:
			before = CauseDTMF
		case r.content == contentOther:
			before = CauseCodec
		}
	}
	return list
}
