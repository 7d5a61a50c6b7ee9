package client

import (
	"math"
	"math/rand/v2"
)

const (
	// frames a second at which the tract moves; a tongue is slower.
	frameRate = 200

	// How fast it moves, in seconds to cover 63 % of the way.
	formantLag = 0.025
	loudLag    = 0.008
	pitchLag   = 0.04

	openQuotient = 0.6 // Share of a period in which the vocal folds are open.

	// Loudness: of the voice, set by ear and meter to -20 dB of full scale in RMS while somebody speaks; and of
	// the noises relative to the samples.
	voiceGain  = 6500
	breathGain = 0.7
	hissGain   = 900
)

// bandwidths of the formants in Hz.
var bandwidths = [4]float64{70, 100, 150, 250}

// tract turns sounds into samples: the pulses of the vocal folds, or noise, through four resonances in a row, and
// beside them the noise of a narrow gap.
type tract struct {
	rate   float64    // Hz.
	size   float64    // What the formants are multiplied by: a short tract has high ones.
	random *rand.Rand // For noise only: how much is drawn depends on the rate.

	phase    float64 // Of the vocal folds, 0..1.
	pitch    float64 // Hz.
	at       sound   // Where the tract is on its way to the sound it was asked for.
	formants [4]resonator
	gap      resonator
	rustle   float64 // The last sample of noise.
	left     float64 // Samples of the current frame still to make.
}

func newTract(rate int, size float64, random *rand.Rand) *tract {
	t := &tract{rate: float64(rate), size: size, random: random}
	t.at = sound{formants: [3]float64{500, 1500, 2500}, hissAt: 3000}
	return t
}

// sound appends a sound.
func (t *tract) sound(pcm []int16, want sound, how delivery) []int16 {
	if want.like != shaped {
		want.formants = t.at.formants
	}
	if want.hissAt == 0 {
		want.hissAt = t.at.hissAt
	}
	if t.pitch == 0 {
		t.pitch = how.pitch
	}
	for range int(want.length*how.length*frameRate + 0.5) {
		t.move(want, how)
		t.left += t.rate / frameRate
		for ; t.left >= 1; t.left-- {
			pcm = append(pcm, t.sample())
		}
	}
	return pcm
}

// move brings the tract a frame nearer to what is wanted.
func (t *tract) move(want sound, how delivery) {
	for i := range want.formants {
		approach(&t.at.formants[i], want.formants[i], formantLag)
		t.formants[i].tune(t.at.formants[i]*t.size, bandwidths[i], t.rate)
	}
	t.formants[3].tune(3400*t.size, bandwidths[3], t.rate)
	approach(&t.pitch, how.pitch*(1+0.02*t.random.NormFloat64()), pitchLag)
	approach(&t.at.voiced, want.voiced*how.force, loudLag)
	approach(&t.at.breath, want.breath*how.force, loudLag)
	approach(&t.at.hiss, want.hiss*how.force, loudLag)
	t.at.hissAt = want.hissAt
	t.gap.tune(t.at.hissAt, 900, t.rate)
}

func approach(value *float64, target, lag float64) {
	*value += (target - *value) * (1 - math.Exp(-1/(frameRate*lag)))
}

func (t *tract) sample() int16 {
	y := t.at.voiced*t.pulse() + t.at.breath*breathGain*t.noise()
	for i := range t.formants {
		y = t.formants[i].next(y)
	}
	y = y*voiceGain + t.at.hiss*hissGain*t.gap.next(t.bright())
	return int16(math.MaxInt16 * math.Tanh(y/math.MaxInt16))
}

func (t *tract) noise() float64 { return 2*t.random.Float64() - 1 }

// bright is noise without the low tones, which a narrow gap does not make.
func (t *tract) bright() float64 {
	before := t.rustle
	t.rustle = t.noise()
	return t.rustle - before
}

// pulse is the change of the air flow through the vocal folds: it grows, falls steeply, and stops at a blow when
// they close.
func (t *tract) pulse() float64 {
	step := t.pitch / t.rate
	t.phase += step
	if t.phase >= 1 {
		t.phase--
	}
	u := t.phase / openQuotient
	flow := 0.0
	if u < 1 {
		flow = u * (2 - 3*u)
	}
	// The blow falls between two samples. Without rounding it off by the distance to them (a polynomial
	// band-limited step), it would sound like one at the nearest sample, and the voice would rattle.
	switch d := (t.phase - openQuotient) / step; {
	case d >= 0 && d < 1:
		flow -= (1 - d) * (1 - d) / 2
	case d < 0 && d > -1:
		flow += (1 + d) * (1 + d) / 2
	}
	return flow
}

// resonator is a two-pole filter that lets steady flow pass as it is (Klatt, 1980).
type resonator struct{ a, b, c, y1, y2 float64 }

// tune sets the frequency and the width of the peak. What does not fit under half the rate becomes a plain wire.
func (r *resonator) tune(hz, width, rate float64) {
	if hz >= 0.47*rate {
		r.a, r.b, r.c = 1, 0, 0
		return
	}
	radius := math.Exp(-math.Pi * width / rate)
	r.c = -radius * radius
	r.b = 2 * radius * math.Cos(2*math.Pi*hz/rate)
	r.a = 1 - r.b - r.c
}

func (r *resonator) next(x float64) float64 {
	y := r.a*x + r.b*r.y1 + r.c*r.y2
	r.y1, r.y2 = y, r.y1
	return y
}
