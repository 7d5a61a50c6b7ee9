package rtp

// MOS estimates how a listener would judge a stream of G.711, from 1 to 4.5, by the E-model (ITU-T G.107). loss is the share of
// packets lost, 0 to 1; jitter is in milliseconds. It stands for a phone with loss concealment and a buffer as long as the
// jitter needs, so that calls compare with what other tools say of them; a recording has no buffer and conceals nothing.
func MOS(loss, jitterMS float64) float64 { return opinion(rating(loss, jitterMS)) }

// rating is the factor R of G.107, with the default values of whatever is not measured here.
func rating(loss, jitterMS float64) float64 {
	const (
		r0       = 93.2  // without delay and loss: G.107, 7.7, with all defaults
		ie       = 0     // equipment impairment of G.711 (G.113, Appendix I)
		bpl      = 25.1  // its robustness against random loss, with concealment (G.113, Appendix I)
		frame    = 20    // ms of one packet
		tolerant = 177.3 // ms up to which delay does little harm
	)
	// The impairment by delay, fitted to two lines (Cole and Rosenbluth, Voice over IP performance monitoring, 2001).
	delay := frame + 2*jitterMS
	id := 0.024*delay + 0.11*max(0, delay-tolerant)
	percent := 100 * min(max(loss, 0), 1)
	return r0 - id - (ie + (95-ie)*percent/(percent+bpl)) // G.107, 7.5, loss at random
}

// opinion is the mean opinion score that goes with R (G.107, Annex B).
func opinion(r float64) float64 {
	switch {
	case r >= 100:
		return 4.5
	case r > 0:
		return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
	}
	return 1 // also for what is no number
}
