package client

// sound is what the tract is asked to become for a while. Formants are a man's, in Hz.
type sound struct {
	length   float64 // Seconds.
	formants [3]float64
	voiced   float64 // Loudness of the vocal folds, 0..1.
	breath   float64 // Noise at the glottis, coloured by the formants, 0..1.
	hiss     float64 // Noise between tongue and teeth, 0..1.
	hissAt   float64 // Where that noise is strongest, Hz.
	like     manner
}

// manner says what of the sound before is kept.
type manner uint8

const (
	shaped manner = iota // Formants of its own.
	silent               // Closed or at rest: the formants stay where they are, nothing sounds.
	coarse               // Noise: the formants stay where they are.
)

func vowel(f1, f2, f3 float64) sound {
	return sound{length: 0.11, formants: [3]float64{f1, f2, f3}, voiced: 1, breath: 0.02}
}

// vowels by the averages of classic measurements of men's speech.
var vowels = []sound{
	vowel(270, 2290, 3010), // heed
	vowel(390, 1990, 2550), // hid
	vowel(530, 1840, 2480), // head
	vowel(660, 1720, 2410), // had
	vowel(730, 1090, 2440), // hod
	vowel(570, 840, 2410),  // hawed
	vowel(440, 1020, 2240), // hood
	vowel(300, 870, 2240),  // who
	vowel(640, 1190, 2390), // hud
	vowel(490, 1350, 1690), // heard
}

// onsets are what a syllable may begin with, codas what it may end with.
var (
	onsets = [][]sound{
		{},
		stop(0.8, 900, 0.02), stop(0.8, 3200, 0.02), stop(0.7, 1900, 0.03), // p, t, k without much breath
		stop(0.7, 3300, 0.05), stop(0.6, 1800, 0.05), // t, k with breath
		{fricative(0.5, 3600, 0)}, {fricative(0.45, 2500, 0)}, {fricative(0.15, 3000, 0)}, // s, sh, f
		{fricative(0.2, 3400, 0.5)},                       // z
		{murmur(250, 1100, 2200)},                         // m
		{murmur(250, 1500, 2500)},                         // n
		{glide(360, 1100, 2600)},                          // l
		{glide(320, 1250, 1600)},                          // r
		{glide(290, 700, 2200)},                           // w
		{glide(270, 2200, 3000)},                          // y
		{{length: 0.06, breath: 0.25, like: coarse}},      // h
		{fricative(0.4, 3600, 0), glide(360, 1100, 2600)}, // sl
	}
	codas = [][]sound{
		{murmur(250, 1500, 2500)},
		{murmur(250, 1100, 2200)},
		{fricative(0.4, 3600, 0)},
		{glide(360, 1100, 2600)},
		stop(0.5, 3200, 0.01),
	}
)

// stop is a closure, a burst, and the breath until the folds swing again.
func stop(burst, at, breath float64) []sound {
	return []sound{
		{length: 0.055, like: silent},
		{length: 0.012, hiss: burst, hissAt: at, like: coarse},
		{length: breath, breath: 0.2, like: coarse},
	}
}

func fricative(loud, at, voiced float64) sound {
	return sound{length: 0.09, hiss: loud, hissAt: at, voiced: voiced, like: coarse}
}

func murmur(f1, f2, f3 float64) sound {
	return sound{length: 0.065, formants: [3]float64{f1, f2, f3}, voiced: 0.45}
}

func glide(f1, f2, f3 float64) sound {
	return sound{length: 0.055, formants: [3]float64{f1, f2, f3}, voiced: 0.7}
}
