package audio

import (
	"encoding/json"
	"testing"
)

// checkPeaks compares the overview with one worked out sample by sample from the file.
func checkPeaks(t testing.TB, r Result, w wavFile) {
	t.Helper()
	p := r.Peaks
	if p.Version != 1 || p.PointsPerSecond != 20 || p.SampleRate != w.rate || len(p.Channels) != w.channels {
		t.Fatalf("peaks are version %d, %d a second, of %d Hz and %d channels", p.Version, p.PointsPerSecond, p.SampleRate, len(p.Channels))
	}
	points := make([]int, w.rate) // of each sample of a second: the last point that begins at or before it
	for k := range 20 {
		for i := k * w.rate / 20; i < w.rate; i++ {
			points[i] = k
		}
	}
	for c, got := range p.Channels {
		var least, most []int16
		for i, v := range w.channel(c) {
			if k := i/w.rate*20 + points[i%w.rate]; k == len(least) {
				least, most = append(least, v), append(most, v)
			} else {
				least[k], most[k] = min(least[k], v), max(most[k], v)
			}
		}
		if len(got.Min) != len(least) || len(got.Max) != len(most) {
			t.Fatalf("channel %d has %d points, want %d", c, len(got.Min), len(least))
		}
		for k := range least {
			if got.Min[k] != int8(least[k]/256) || got.Max[k] != int8(most[k]/256) {
				t.Fatalf("channel %d, point %d: got %d and %d, want %d and %d", c, k, got.Min[k], got.Max[k], least[k]/256, most[k]/256)
			}
		}
	}
}

func TestPeaksJSON(t *testing.T) {
	p := newPeaks(layout{EncodingPCMU, 8000, 2}, 401)
	p.Channels[1].Min[0], p.Channels[1].Max[1] = -128, 127
	got, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":1,"sample_rate":8000,"points_per_second":20,` +
		`"channels":[{"min":[0,0],"max":[0,0]},{"min":[-128,0],"max":[0,127]}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
