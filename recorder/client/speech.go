package client

import (
	"math/rand/v2"
	"time"
)

// Speech returns babble that sounds like one person talking: phrases of syllables with an intonation, and pauses
// between them. Seed and rate determine it, the seed alone says what is said when; a longer one begins with the
// shorter.
func Speech(seed int64, d time.Duration, rate int) []int16 {
	n := samples(d, rate)
	v := newVoice(seed, 0, rate)
	pcm := make([]int16, 0, n)
	for len(pcm) < n {
		pcm = v.phrase(pcm, 5+v.random.IntN(12))
		pcm = v.pause(pcm, 0.25, 0.7)
	}
	return pcm[:n:n]
}

// Conversation returns two people talking in turns: while one speaks the other is silent. The second begins with a
// short greeting, as whoever takes a call does.
func Conversation(seed int64, d time.Duration, rate int) [2][]int16 {
	n := samples(d, rate)
	voices := [2]*voice{newVoice(seed, 0, rate), newVoice(seed, 1, rate)}
	var legs [2][]int16
	turn := func(speaker, syllables int) {
		pcm := voices[speaker].pause(legs[speaker], 0.2, 0.6)
		legs[speaker] = voices[speaker].phrase(pcm, syllables)
		other := &legs[1-speaker]
		*other = append(*other, make([]int16, len(legs[speaker])-len(*other))...)
	}
	turn(1, 4)
	for speaker := 0; len(legs[0]) < n; speaker = 1 - speaker {
		v := voices[speaker]
		turn(speaker, 4+v.random.IntN(9))
		if v.chance(0.4) {
			turn(speaker, 4+v.random.IntN(9))
		}
	}
	return [2][]int16{legs[0][:n:n], legs[1][:n:n]}
}

func samples(d time.Duration, rate int) int {
	return int(d * time.Duration(rate) / time.Second)
}

// voice is one speaker.
type voice struct {
	random *rand.Rand
	tract  *tract
	pitch  float64 // Hz, on average.
	pace   float64 // Length of sounds, 1 being usual.
}

// newVoice gives one of every two neighbouring numbers a low voice and the other a high one, so that the two in a
// conversation can be told apart.
func newVoice(seed int64, number, rate int) *voice {
	v := &voice{random: rand.New(rand.NewPCG(uint64(seed), uint64(number)))}
	size := v.between(0.96, 1.02)
	v.pitch = v.between(95, 130)
	if (uint64(seed)+uint64(number))%2 == 1 {
		size = v.between(1.12, 1.2)
		v.pitch = v.between(180, 230)
	}
	v.pace = v.between(0.9, 1.1)
	v.tract = newTract(rate, size, rand.New(rand.NewPCG(v.random.Uint64(), 0)))
	return v
}

// pause appends so many seconds of silence.
func (v *voice) pause(pcm []int16, least, most float64) []int16 {
	return append(pcm, make([]int16, int(v.between(least, most)*v.tract.rate))...)
}

// phrase appends so many syllables on one breath. Its pitch falls from begin to end, or rises at the end as in a question; its
// stressed syllables are higher, longer and louder.
func (v *voice) phrase(pcm []int16, syllables int) []int16 {
	question := v.chance(0.25)
	for i := range syllables {
		done := float64(i) / float64(syllables)
		s := delivery{pitch: v.pitch * (1.15 - 0.3*done), length: v.pace, force: 0.8}
		if v.chance(0.35) {
			s.pitch *= v.between(1.08, 1.25)
			s.length *= 1.25
			s.force = 1
		}
		if i == syllables-1 {
			s.length *= 1.5
			if question {
				s.pitch *= 1.5
			}
		}
		pcm = v.syllable(pcm, s)
	}
	return v.tract.sound(pcm, sound{length: 0.08, like: silent}, delivery{pitch: v.pitch, length: 1}) // Dies away.
}

// delivery is how a syllable is spoken.
type delivery struct {
	pitch  float64 // Hz.
	length float64 // Relative.
	force  float64 // 0..1.
}

func (v *voice) syllable(pcm []int16, s delivery) []int16 {
	for _, part := range onsets[v.random.IntN(len(onsets))] {
		pcm = v.tract.sound(pcm, part, s)
	}
	vowel := vowels[v.random.IntN(len(vowels))]
	vowel.length *= v.between(0.7, 1.4)
	pcm = v.tract.sound(pcm, vowel, s)
	if v.chance(0.3) {
		for _, part := range codas[v.random.IntN(len(codas))] {
			pcm = v.tract.sound(pcm, part, s)
		}
	}
	return pcm
}

func (v *voice) chance(p float64) bool { return v.random.Float64() < p }

func (v *voice) between(low, high float64) float64 { return low + (high-low)*v.random.Float64() }
