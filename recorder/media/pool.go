package media

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// coolDown keeps a closed port out of use, so that a packet which was still under way for an old call, or a
// client that goes on sending after its BYE, does not end up in the recording of a new one.
const coolDown = 5 * time.Second

// pool holds the even ports of a range.
type pool struct {
	free    []uint16  // In no order.
	cooling []cooling // Oldest first.
}

type cooling struct {
	port  uint16
	until time.Time
}

func newPool(lowest, highest uint16) (pool, error) {
	var p pool
	for port := int(lowest) + int(lowest)%2; port+1 <= int(highest); port += 2 {
		if port > 0 { // The kernel understands port 0 as "any".
			p.free = append(p.free, uint16(port))
		}
	}
	if len(p.free) == 0 {
		return pool{}, fmt.Errorf("media ports %d to %d hold no even port followed by an odd one", lowest, highest)
	}
	return p, nil
}

// take draws a port.
func (p *pool) take(now time.Time) (port uint16, ok bool) {
	p.thaw(now)
	if len(p.free) == 0 {
		return 0, false
	}
	i, last := rand.IntN(len(p.free)), len(p.free)-1
	port = p.free[i]
	p.free[i] = p.free[last]
	p.free = p.free[:last]
	return port, true
}

// putBack returns ports that were never used.
func (p *pool) putBack(ports []uint16) { p.free = append(p.free, ports...) }

// give returns a port that was used.
func (p *pool) give(port uint16, now time.Time) {
	p.cooling = append(p.cooling, cooling{port, now.Add(coolDown)})
}

func (p *pool) available(now time.Time) int {
	p.thaw(now)
	return len(p.free)
}

func (p *pool) thaw(now time.Time) {
	n := 0
	for n < len(p.cooling) && !now.Before(p.cooling[n].until) {
		p.free = append(p.free, p.cooling[n].port)
		n++
	}
	if n > 0 {
		p.cooling = append(p.cooling[:0], p.cooling[n:]...)
	}
}
