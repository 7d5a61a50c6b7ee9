package audio

import (
	"cmp"
	"slices"
)

// maxRivals of a segment that are heeded. Two sources at once are strange, and more are hostile.
const maxRivals = 8

// findRivals settles who is heard where two senders of a stream claim the same time: the one that has more to say altogether. A
// few packets with a forged source or an absurd timestamp then change nothing of the audio, whenever they come.
func findRivals(heard []*segment, rate int) {
	for _, g := range heard {
		from, to := g.frames(g.cover.from, g.cover.to, rate)
		for _, h := range heard {
			a, b := h.frames(h.cover.from, h.cover.to, rate)
			if strength(h, g) < 0 && a < to && from < b {
				g.rivals = append(g.rivals, h)
			}
		}
		slices.SortStableFunc(g.rivals, strength)
		g.rivals = g.rivals[:min(len(g.rivals), maxRivals)]
		for _, h := range g.rivals {
			h.claim(rate)
		}
	}
}

// strength puts the stronger segment first. Those that share a clock are equal.
func strength(a, b *segment) int {
	return cmp.Or(cmp.Compare(b.root.total, a.root.total), cmp.Compare(a.root.number, b.root.number))
}

// claim lists what the segment has.
func (g *segment) claim(rate int) {
	if g.claims != nil {
		return
	}
	g.claims = g.stretches(nil, "", rate)
	slices.SortFunc(g.claims, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
}

// unclaimed calls fn with the parts of a range that none of the rivals has.
func unclaimed(from, to int64, rivals []*segment, fn func(from, to int64) error) error {
	if from >= to {
		return nil
	}
	if len(rivals) == 0 {
		return fn(from, to)
	}
	claims := rivals[0].claims
	first, _ := slices.BinarySearchFunc(claims, from, func(s stretch, at int64) int { return cmp.Compare(s.to, at) })
	for _, c := range claims[first:] {
		if c.from >= to {
			break
		}
		if err := unclaimed(from, min(c.from, to), rivals[1:], fn); err != nil {
			return err
		}
		from = max(from, c.to)
	}
	return unclaimed(from, to, rivals[1:], fn)
}
