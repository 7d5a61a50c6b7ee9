package media

import (
	"runtime"
	"time"
)

const (
	// rtcpEvery is the number of sweeps between two visits of an RTCP socket: a client sends a report every few
	// seconds (RFC 3550, 6.2).
	rtcpEvery = 10

	// fairShare in batches is the most that one visit takes from a socket, so that a flood on one port does not
	// keep the others waiting: 256 packets, where 20 ms packets bring 5 in the default period.
	fairShare = 8

	// allOfIt in batches is more than any receive buffer holds: 32 million packets.
	allOfIt = 1 << 20
)

// run sweeps until the engine is closed. It owns the ports that joined and everything in the batch.
func (e *Engine) run() {
	// A thread of its own: the sweep makes raw system calls that the scheduler does not see, and it should find
	// its buffers in the same core's cache.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(e.stopped)

	s := sweeper{batch: newBatch()}
	timer := time.NewTimer(e.config.Period)
	defer timer.Stop()
	last := time.Now()
	for due := last.Add(e.config.Period); ; {
		select {
		case <-e.wake:
			if e.admit(&s) {
				return
			}
			continue
		case <-timer.C:
		}
		if e.admit(&s) {
			return
		}
		start := time.Now()
		s.sweep(start)
		end := time.Now()
		e.account(start.Sub(last), end.Sub(start), end)
		last = start
		if due = due.Add(e.config.Period); due.Before(end) {
			due = end // Behind: sweep again at once, and do not try to make up for sweeps that were missed.
		}
		timer.Reset(due.Sub(end))
	}
}

// admit takes in who joined and lets go who left; it reports whether the engine is closing, in which case
// everybody has left.
func (e *Engine) admit(s *sweeper) (closing bool) {
	e.mu.Lock()
	joining, leaving, closing := e.joining, e.leaving, e.closing
	e.joining, e.leaving = nil, nil
	e.mu.Unlock()

	for _, p := range joining {
		s.add(p)
	}
	if closing {
		leaving = append([]*Port(nil), s.ports...)
	}
	for _, p := range leaving {
		s.drain(p)
		s.remove(p)
		p.rtp.close()
		p.rtcp.close()
		e.mu.Lock()
		e.pool.give(p.number, time.Now())
		p.left = true
		e.mu.Unlock()
		close(p.closed)
	}
	return closing
}

func (e *Engine) account(gap, busy time.Duration, end time.Time) {
	e.swept.Store(end.UnixNano())
	e.sweeps.Add(1)
	e.busy.Add(int64(busy))
	if int64(gap) > e.longest.Load() { // run is the only writer.
		e.longest.Store(int64(gap))
	}
}

// A sweeper is what the thread owns.
type sweeper struct {
	ports []*Port
	batch *batch
	round int
}

func (s *sweeper) add(p *Port) {
	p.index = len(s.ports)
	s.ports = append(s.ports, p)
}

func (s *sweeper) remove(p *Port) {
	last := len(s.ports) - 1
	s.ports[p.index] = s.ports[last]
	s.ports[p.index].index = p.index
	s.ports[last] = nil
	s.ports = s.ports[:last]
}

// sweep visits every RTP socket, and every RTCP socket whose turn it is; the turns are spread over the rounds.
func (s *sweeper) sweep(now time.Time) {
	s.round++
	for i, p := range s.ports {
		s.visit(p, &p.rtp, RTP, now, fairShare)
		if (s.round+i)%rtcpEvery == 0 {
			s.visit(p, &p.rtcp, RTCP, now, fairShare)
		}
	}
}

// drain empties a port for the last time. The kernel lets nothing more in, so that this ends also while somebody
// goes on sending.
func (s *sweeper) drain(p *Port) {
	now := time.Now()
	for _, last := range []struct {
		socket *socket
		kind   Kind
	}{{&p.rtp, RTP}, {&p.rtcp, RTCP}} {
		p.overflow.Add(last.socket.lostSince(last.socket.dropped())) // Before refuse, whose drops count too.
		most := allOfIt
		if err := last.socket.refuse(); err != nil {
			p.failures.Add(1)
			most = fairShare
		}
		s.visit(p, last.socket, last.kind, now, most)
	}
}

// visit takes at most so many batches from a socket.
func (s *sweeper) visit(p *Port, from *socket, kind Kind, now time.Time, most int) {
	for range most {
		n, err := s.batch.receive(from.fd)
		if err != nil {
			p.failures.Add(1)
			return
		}
		s.deliver(p, from, kind, now, n)
		if n < batchSize {
			return
		}
	}
}
