package rtp

import (
	"math"
	"testing"
)

// TestOpinion has the pairs of R and MOS that G.107, Annex B, prints.
func TestOpinion(t *testing.T) {
	for r, want := range map[float64]float64{100: 4.5, 90: 4.34, 80: 4.03, 70: 3.60, 60: 3.10, 50: 2.58, 0: 1, -20: 1} {
		if got := opinion(r); math.Abs(got-want) > 0.01 {
			t.Errorf("R of %v has MOS %.3f, want %.2f", r, got, want)
		}
	}
}

func TestMOS(t *testing.T) {
	if m := MOS(0, 0); m < 4.3 || m > 4.5 {
		t.Errorf("perfect stream has MOS %.2f", m)
	}
	last := 5.0
	for loss := 0.0; loss <= 1; loss += 0.05 {
		m := MOS(loss, 5)
		if m > last || m < 1 {
			t.Fatalf("loss of %.2f has MOS %.2f, after %.2f", loss, m, last)
		}
		last = m
	}
	if MOS(0, 100) >= MOS(0, 10) {
		t.Error("jitter does no harm")
	}
}

// TestMOSOfNonsense: a manifest cannot hold what is no number.
func TestMOSOfNonsense(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e300} {
		for _, m := range []float64{MOS(x, 0), MOS(0, x)} {
			if !(m >= 1 && m <= 4.5) {
				t.Errorf("%v has MOS %v", x, m)
			}
		}
	}
}
