package client

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestSpeechIsDetermined(t *testing.T) {
	long, short := Speech(5, 4*time.Second, 8000), Speech(5, 3*time.Second, 8000)
	if len(long) != 32000 || len(short) != 24000 || !slices.Equal(long[:24000], short) {
		t.Error("a longer speech does not begin with the shorter")
	}
	if slices.Equal(Speech(6, 3*time.Second, 8000), short) {
		t.Error("another seed says the same")
	}
	if got := Speech(5, 0, 8000); len(got) != 0 {
		t.Errorf("%d samples of nothing", len(got))
	}
}

// One speaks while the other is silent, both get their turns, and the seed alone decides when, whatever the rate.
func TestConversationTakesTurns(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		legs := Conversation(1, 30*time.Second, rate)
		frame := rate / 50
		var speaking [2]int
		for i := 0; i+frame <= len(legs[0]); i += frame {
			a, b := level(legs[0][i:i+frame]), level(legs[1][i:i+frame])
			if a > 0 && b > 0 {
				t.Fatalf("rate %d: both speak at %v", rate, time.Duration(i)*time.Second/time.Duration(rate))
			}
			for leg, l := range [2]float64{a, b} {
				if l > 200 {
					speaking[leg]++
				}
			}
		}
		const frames = 30 * 50
		for leg, n := range speaking {
			if share := float64(n) / frames; len(legs[leg]) != 30*rate || share < 0.2 || share > 0.7 {
				t.Errorf("rate %d, leg %d: %d samples, speaks %.0f %% of the time", rate, leg, len(legs[leg]), 100*share)
			}
		}
	}
}

// It is loud enough to hear, soft enough not to clip, and moves like speech: neither a tone nor plain noise.
func TestSpeechLevels(t *testing.T) {
	for seed := range int64(6) {
		pcm := Speech(seed, 20*time.Second, 8000)
		peak, crossings, active := 0, 0, 0
		var sum float64
		var rates []int
		for i := 0; i+160 <= len(pcm); i += 160 {
			frame := pcm[i : i+160]
			l := level(frame)
			if l < 200 {
				continue
			}
			active++
			sum += l * l
			crossings = 0
			for j, s := range frame {
				peak = max(peak, abs(int(s)))
				if j > 0 && (s < 0) != (frame[j-1] < 0) {
					crossings++
				}
			}
			rates = append(rates, crossings)
		}
		rms := 20 * math.Log10(math.Sqrt(sum/float64(active))/32768)
		slices.Sort(rates)
		calm, hissing := rates[len(rates)/10], rates[len(rates)*97/100]
		if rms < -26 || rms > -15 || peak > 30000 || calm > 25 || hissing < 45 {
			t.Errorf("seed %d: level %.1f dB, peak %d, zero crossings a frame %d to %d", seed, rms, peak, calm, hissing)
		}
	}
}

func level(pcm []int16) float64 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return math.Sqrt(sum / float64(len(pcm)))
}

func BenchmarkSpeech(b *testing.B) {
	for b.Loop() {
		Speech(1, time.Second, 8000)
	}
}
