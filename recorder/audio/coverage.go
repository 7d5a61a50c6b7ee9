package audio

import (
	"slices"
)

// content is what packets hold.
type content uint8

const (
	contentAudio content = iota
	contentNoise         // RFC 3389
	contentEvent         // RFC 4733
	contentOther         // cannot be decoded
)

// run is a row of packets of one content with no number missing, and for audio no tick.
type run struct {
	firstSeq, lastSeq int64
	from, to          int64 // ticks; of audio only
	content           content
}

// coverage is what has come of a segment: runs in the order of sequence numbers.
type coverage struct {
	runs     []run
	from, to int64 // of all audio
	ticks    int64 // of audio between them that came
	audio    bool  // there is some
	omitted  int64 // gaps that were given up
}

// add takes a packet. It reports whether its number is new.
func (c *coverage) add(kind content, seq, from, to int64) bool {
	i := len(c.runs) - 1 // the run that begins at or before seq: nearly always the last
	for n := 0; i >= 0 && c.runs[i].firstSeq > seq; i, n = i-1, n+1 {
		if n == 16 {
			i, _ = slices.BinarySearchFunc(c.runs, seq+1, func(r run, seq int64) int { return int(r.firstSeq - seq) })
			i--
			break
		}
	}
	if i >= 0 && seq <= c.runs[i].lastSeq {
		return false
	}
	if kind == contentAudio {
		c.extend(from, to)
	}
	r := run{seq, seq, from, to, kind}
	switch {
	case i >= 0 && c.runs[i].adjoins(r):
		c.runs[i].lastSeq, c.runs[i].to = seq, to
		if i+1 < len(c.runs) && c.runs[i].adjoins(c.runs[i+1]) {
			c.runs[i].lastSeq, c.runs[i].to = c.runs[i+1].lastSeq, c.runs[i+1].to
			c.runs = slices.Delete(c.runs, i+1, i+2)
		}
	case i+1 < len(c.runs) && r.adjoins(c.runs[i+1]):
		c.runs[i+1].firstSeq, c.runs[i+1].from = seq, from
	default:
		c.runs = slices.Insert(c.runs, i+1, r)
	}
	return true
}

// adjoins says that next follows with nothing between.
func (r run) adjoins(next run) bool {
	return r.content == next.content && r.lastSeq+1 == next.firstSeq && (r.content != contentAudio || r.to == next.from)
}

func (c *coverage) extend(from, to int64) {
	if !c.audio {
		c.audio, c.from, c.to = true, from, to
	}
	c.from, c.to = min(c.from, from), max(c.to, to)
	c.ticks += to - from
}

// thin halves the number of runs: it joins those with the shortest gaps between them.
func (c *coverage) thin() {
	if len(c.runs) < 2 {
		return
	}
	gaps := make([]int64, 0, len(c.runs)-1)
	for i, r := range c.runs[1:] {
		gaps = append(gaps, r.from-c.runs[i].to)
	}
	slices.Sort(gaps)
	limit := gaps[len(gaps)/2]
	even, _ := slices.BinarySearch(gaps, limit)
	even = (len(gaps)+1)/2 - even // how many of those that are as long as the limit have to go
	kept := c.runs[:1]
	for _, r := range c.runs[1:] {
		last := &kept[len(kept)-1]
		gap := r.from - last.to
		if gap == limit && even > 0 {
			even--
		} else if gap >= limit {
			kept = append(kept, r)
			continue
		}
		c.omitted++
		last.lastSeq, last.to = r.lastSeq, max(last.to, r.to)
		if r.content == contentAudio {
			last.content = contentAudio
		}
	}
	c.runs = kept
}
