package audio

import "time"

const (
	// backLimit is how far the arrival times of a log may go back from one packet to the next. Packets of several sockets
	// are read in turns, so that a log is not quite in order; more than this is the machine's clock being set.
	backLimit = 5 * time.Second
	// earliest is how far before the first packet another may have arrived.
	earliest = -time.Minute
)

// arrivals turns the arrival times of a log into one clock that begins at its first packet and does not jump when the
// machine's clock is set. It depends only on the packets that it is shown, in their order.
type arrivals struct {
	longest time.Duration // pause that is believed

	begun bool
	first time.Time
	last  time.Time // of the machine's clock
	now   time.Duration
}

// at is the time of a packet. It is not ok when the packet is too far from the first to be of the same session.
func (a *arrivals) at(t time.Time) (now time.Duration, ok bool) {
	if !a.begun {
		a.begun, a.first, a.last = true, t, t
	}
	step := t.Sub(a.last)
	a.last = t
	if step < -backLimit || step > a.longest {
		step = 0
	}
	a.now += step
	if a.now < earliest || a.now > a.longest {
		a.now -= step
		return 0, false
	}
	return a.now, true
}

// wall is the machine's clock at a time, as it was when the log began.
func (a *arrivals) wall(now time.Duration) time.Time { return a.first.Add(now) }
