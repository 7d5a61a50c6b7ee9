package rtp

import "math"

// MOS estimates how a listener would judge a stream of G.711, from 1 to 4.5: the E-model (ITU-T G.107) with the default values of
// its other parameters, and the loss impairment of G.113 for G.711 with concealment (Ie 0, Bpl 25.1). loss is the
// share of packets lost, 0 to 1; jitter in milliseconds counts as the delay of a buffer that would hold it.
func MOS(loss, jitterMS float64) float64 {
	const (
		r0  = 93.2 // basic signal-to-noise ratio, less the simultaneous impairments
		bpl = 25.1
	)
	delay := 20 + 2*jitterMS // one packet, and a buffer of twice the jitter
	id := 0.024 * delay
	if delay > 177.3 {
		id += 0.11 * (delay - 177.3)
	}
	percent := 100 * min(max(loss, 0), 1)
	r := r0 - id - 95*percent/(percent+bpl)
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return math.Max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}
