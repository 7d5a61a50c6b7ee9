package media

import "sync/atomic"

// Port is a pair of UDP ports: an even one for RTP (and RTCP, where a client multiplexes) and the odd one above
// it for RTCP.
type Port struct {
	engine *Engine
	sink   Sink
	number uint16
	closed chan struct{} // Closed by run when the sockets are.

	left bool // Guarded by engine.mu.

	// Owned by run.
	index     int // Place in run's list.
	rtp, rtcp socket

	rtpPackets, rtpBytes   atomic.Uint64
	rtcpPackets, rtcpBytes atomic.Uint64
	oversized              atomic.Uint64
	overflow               atomic.Uint64
	failures               atomic.Uint64
}

// Counters of a port since it was opened.
type Counters struct {
	RTPPackets, RTPBytes   uint64 // Handed to the sink as RTP, with its headers.
	RTCPPackets, RTCPBytes uint64 // Handed to the sink as RTCP.
	Oversized              uint64 // Dropped: over 2 KiB.
	Overflow               uint64 // Dropped by the kernel because its buffer was full.
	Failures               uint64 // Visits that ended with an error of the kernel.
}

// RTP returns the even port.
func (p *Port) RTP() uint16 { return p.number }

// RTCP returns the odd port.
func (p *Port) RTCP() uint16 { return p.number + 1 }

// Counters may be called at any time, and after Close.
func (p *Port) Counters() Counters {
	return Counters{
		RTPPackets:  p.rtpPackets.Load(),
		RTPBytes:    p.rtpBytes.Load(),
		RTCPPackets: p.rtcpPackets.Load(),
		RTCPBytes:   p.rtcpBytes.Load(),
		Oversized:   p.oversized.Load(),
		Overflow:    p.overflow.Load(),
		Failures:    p.failures.Load(),
	}
}

// Close hands the sink what the kernel holds at this moment, then closes the sockets. When it returns the sink
// is not called any more. It may be called again, and by several at once, but never by the sink.
func (p *Port) Close() {
	e := p.engine
	e.mu.Lock()
	if !p.left {
		p.left = true
		e.leaving = append(e.leaving, p)
	}
	e.mu.Unlock()
	e.nudge()
	<-p.closed
}
