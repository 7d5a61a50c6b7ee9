// Package media receives RTP and RTCP packets on UDP ports and hands each one, with its arrival time, to the
// sink of its port; what a packet means, and who may send one, is left to the sink.
//
// A recorder has no latency to keep, so nothing waits on a socket. One operating system thread visits every
// socket once a period and takes what the kernel has queued there, many packets in one system call. There is no
// goroutine, no poller and no wake-up per socket or per packet, and nothing is allocated per packet. The kernel
// stamps the packets on arrival, so a visit that comes late costs no accuracy.
package media

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// defaultPeriod between two visits of a socket. Shorter costs a system call per packet, longer gains little
	// and lets more packets pile up in the kernel.
	defaultPeriod = 100 * time.Millisecond

	// defaultReadBuffer in bytes is the most that a kernel with untuned limits (net.core.rmem_max) grants. The
	// kernel doubles it and charges up to 2.3 KB for a packet of 20 ms: 3.7 s of a stream without a visit.
	defaultReadBuffer = 212_992
)

var (
	// ErrNoPort is returned when every port pair of the range is in use or was in use a moment ago.
	ErrNoPort = errors.New("no free media port")
	// ErrClosed is returned by an engine that was closed.
	ErrClosed = errors.New("media engine is closed")
)

// Kind tells RTP from RTCP.
type Kind uint8

const (
	RTP  Kind = 1
	RTCP Kind = 2
)

// A Sink takes the packets of one port pair. Packet is called from the one thread that serves all ports, so it
// must neither block nor call Close on a port or the engine. The bytes are valid during the call only. Packets
// come in the order in which the kernel queued them on a socket; those of the RTP port are not ordered against
// those of the RTCP port.
//
// An IPv4 sender is given as an IPv4 address also on an IPv6 socket, and addresses carry no zone.
type Sink interface {
	Packet(kind Kind, from netip.AddrPort, at time.Time, b []byte)
}

// Config says where an Engine listens.
type Config struct {
	Address    netip.Addr    // Bound by every socket; the unspecified IPv6 address takes IPv4 too.
	PortMin    uint16        // First port that may be used.
	PortMax    uint16        // Last port that may be used.
	Period     time.Duration // Between two visits of a socket; 0 means 100 ms.
	ReadBuffer int           // Bytes of kernel buffer per RTP socket; 0 means 208 KiB.
	Log        *slog.Logger  // Nil logs nothing.
}

// Engine owns the sockets of a port range and the thread that sweeps them.
type Engine struct {
	config Config
	log    *slog.Logger

	wake    chan struct{} // One token: somebody leaves, or the engine is closing.
	stopped chan struct{} // Closed by run when it ends.

	mu sync.Mutex
	// Guarded by mu.
	pool    pool
	joining []*Port
	leaving []*Port
	closing bool

	// Written by run, or atomically by whoever opens a port.
	swept        atomic.Int64 // Unix nanoseconds at the end of the last sweep.
	sweeps       atomic.Uint64
	busy         atomic.Int64 // Nanoseconds spent in sweeps.
	longest      atomic.Int64 // Nanoseconds between the starts of two sweeps.
	shortBuffers atomic.Uint64
	warnShort    sync.Once
}

// New starts an engine. Its thread ends with Close.
func New(c Config) (*Engine, error) {
	if !c.Address.IsValid() || c.Address.Zone() != "" {
		return nil, fmt.Errorf("media address %q: want an IP address without a zone", c.Address)
	}
	if c.Period < 0 || c.ReadBuffer < 0 {
		return nil, fmt.Errorf("media period %v, read buffer %d: want no negative value", c.Period, c.ReadBuffer)
	}
	if c.Period == 0 {
		c.Period = defaultPeriod
	}
	if c.ReadBuffer == 0 {
		c.ReadBuffer = defaultReadBuffer
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	pool, err := newPool(c.PortMin, c.PortMax)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		config:  c,
		log:     c.Log,
		pool:    pool,
		wake:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	e.swept.Store(time.Now().UnixNano())
	go e.run() // Ends after Close.
	return e, nil
}

// Open binds an even port for RTP and the odd one above it for RTCP (RFC 3550, 11), drawn at random so that
// nobody outside can guess the next one, and feeds what arrives to sink.
func (e *Engine) Open(sink Sink) (*Port, error) {
	even, rtp, rtcp, err := e.bind()
	if err != nil {
		return nil, err
	}
	p := &Port{engine: e, sink: sink, number: even, rtp: socket{fd: rtp}, rtcp: socket{fd: rtcp}, closed: make(chan struct{})}

	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		p.rtp.close()
		p.rtcp.close()
		return nil, ErrClosed
	}
	e.joining = append(e.joining, p)
	return p, nil
}

// bind draws port pairs until one can be bound. Those that another program holds go back for a later try.
func (e *Engine) bind() (even uint16, rtp, rtcp int, err error) {
	var taken []uint16
	defer func() {
		e.mu.Lock()
		e.pool.putBack(taken)
		e.mu.Unlock()
	}()
	for {
		e.mu.Lock()
		even, ok := e.pool.take(time.Now())
		closing := e.closing
		e.mu.Unlock()
		if ok && closing {
			taken = append(taken, even)
		}
		switch {
		case closing:
			return 0, 0, 0, ErrClosed
		case !ok:
			return 0, 0, 0, ErrNoPort
		}
		rtp, rtcp, err = e.bindPair(even)
		if err == nil {
			return even, rtp, rtcp, nil
		}
		taken = append(taken, even)
		if !errors.Is(err, errInUse) {
			return 0, 0, 0, err
		}
	}
}

func (e *Engine) bindPair(even uint16) (rtp, rtcp int, err error) {
	rtp, err = listen(e.config.Address, even)
	if err != nil {
		return 0, 0, err
	}
	rtcp, err = listen(e.config.Address, even+1)
	if err != nil {
		closeSocket(rtp)
		return 0, 0, err
	}
	granted, err := setReadBuffer(rtp, e.config.ReadBuffer)
	if err != nil {
		closeSocket(rtp)
		closeSocket(rtcp)
		return 0, 0, err
	}
	if granted < e.config.ReadBuffer {
		e.shortBuffers.Add(1)
		e.warnShort.Do(func() {
			e.log.Warn("kernel grants less receive buffer than asked for: raise net.core.rmem_max",
				"asked_bytes", e.config.ReadBuffer, "granted_bytes", granted)
		})
	}
	return rtp, rtcp, nil
}

// Free returns how many port pairs could be opened now, as far as the engine itself knows.
func (e *Engine) Free() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pool.available(time.Now())
}

// Load says how the thread of an engine is doing.
type Load struct {
	Swept        time.Time     // End of the last sweep; a watchdog may go by it.
	Sweeps       uint64        // Sweeps done.
	Busy         time.Duration // Time spent in sweeps.
	Longest      time.Duration // Longest time between the starts of two sweeps.
	ShortBuffers uint64        // Sockets that got less buffer than was asked for.
}

// Load may be called at any time.
func (e *Engine) Load() Load {
	return Load{
		Swept:        time.Unix(0, e.swept.Load()),
		Sweeps:       e.sweeps.Load(),
		Busy:         time.Duration(e.busy.Load()),
		Longest:      time.Duration(e.longest.Load()),
		ShortBuffers: e.shortBuffers.Load(),
	}
}

// Close closes every port as Port.Close does and returns when the thread has ended.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	e.nudge()
	<-e.stopped
	return nil
}

// nudge makes run look at what joined and left, without waiting for the next sweep.
func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default: // A token that is there already will do.
	}
}
