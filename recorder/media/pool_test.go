package media

import (
	"slices"
	"testing"
	"time"
)

func TestPoolCools(t *testing.T) {
	p, err := newPool(40000, 40003)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	first, _ := p.take(now)
	second, _ := p.take(now)
	p.give(first, now)
	p.give(second, now.Add(time.Second))

	if port, ok := p.take(now.Add(coolDown - 1)); ok {
		t.Errorf("port %d before its time", port)
	}
	if port, ok := p.take(now.Add(coolDown)); !ok || port != first {
		t.Errorf("got %d, %v, want %d", port, ok, first)
	}
	if got := p.available(now.Add(coolDown)); got != 0 {
		t.Errorf("%d available, want 0", got)
	}
	if got := p.available(now.Add(coolDown + time.Second)); got != 1 {
		t.Errorf("%d available, want 1", got)
	}
}

func TestPoolRange(t *testing.T) {
	for _, test := range []struct {
		lowest, highest uint16
		want            []uint16
	}{
		{0, 5, []uint16{2, 4}},
		{9, 13, []uint16{10, 12}},
		{10, 13, []uint16{10, 12}},
		{10, 12, []uint16{10}},
		{65532, 65535, []uint16{65532, 65534}},
	} {
		p, err := newPool(test.lowest, test.highest)
		if err != nil || !slices.Equal(p.free, test.want) {
			t.Errorf("%d to %d: got %v, %v, want %v", test.lowest, test.highest, p.free, err, test.want)
		}
	}
}

// Drawn at random: a thousand ports in ascending order would be a miracle.
func TestPoolRandom(t *testing.T) {
	p, err := newPool(10000, 11999)
	if err != nil {
		t.Fatal(err)
	}
	var got []uint16
	for {
		port, ok := p.take(time.Now())
		if !ok {
			break
		}
		got = append(got, port)
	}
	if len(got) != 1000 || slices.IsSorted(got) {
		t.Errorf("drew %d ports, sorted: %v", len(got), slices.IsSorted(got))
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != 1000 {
		t.Error("a port was drawn twice")
	}
}
