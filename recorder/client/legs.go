package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// reportEvery is how often a sender reports (RFC 3550, 6.2: five seconds at the least, give or take).
const reportEvery = 5 * time.Second

// legs are the media side of one call.
type legs struct {
	local            netip.Addr
	leg              [2]*leg
	started, stopped time.Time
}

// leg sends the stream of one party.
type leg struct {
	conn  *net.UDPConn
	to    destination
	law   law
	audio []byte // What is to be sent.
	ssrc  uint32
	cname string

	packets   int    // Sent so far.
	seq       uint16 // Of the first packet.
	timestamp uint32 // Of the first packet.
	buffer    [12 + packetBytes]byte
}

func openLegs(local netip.Addr, p *plan) (*legs, error) {
	all := &legs{local: local}
	for i := range all.leg {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
		if err != nil {
			all.close()
			return nil, err
		}
		all.leg[i] = &leg{
			conn: conn, law: p.law, audio: p.audio[i], cname: randomHex(12), // RFC 7022: says nothing about the host.
			ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), timestamp: rand.Uint32(), // RFC 3550, 5.1
		}
	}
	return all, nil
}

func (all *legs) ports() (ports [2]uint16) {
	for i, l := range all.leg {
		ports[i] = l.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	}
	return ports
}

func (all *legs) connect(to [2]destination) error {
	for i, l := range all.leg {
		l.to = to[i]
		if l.wanted() && l.to.rtp.Addr().Is4() != all.local.Is4() {
			return fmt.Errorf("leg %d: the answer's address is of another family than the offer's", i)
		}
	}
	return nil
}

// stream sends both legs in real time until they are at their end, ctx is done, or ended is closed. When it was
// held up it catches up, so that the audio keeps its place in time.
func (all *legs) stream(ctx context.Context, ended <-chan struct{}) error {
	all.started = time.Now()
	all.stopped = all.started
	defer func() { all.stopped = time.Now() }()
	ticker := time.NewTicker(packetTime)
	defer ticker.Stop()
	total := len(all.leg[0].audio) / packetBytes
	reports := 0
	for sent := 0; ; {
		elapsed := time.Since(all.started)
		for due := min(int(elapsed/packetTime)+1, total); sent < due; sent++ {
			for _, l := range all.leg {
				if err := l.send(); err != nil {
					return err
				}
			}
		}
		if elapsed >= time.Duration(reports)*reportEvery {
			reports++
			if err := all.report(false); err != nil {
				return err
			}
		}
		if sent == total && elapsed >= time.Duration(total)*packetTime {
			return all.report(true)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), all.report(true))
		case <-ended:
			return nil // Whoever hung up has closed the ports.
		case <-ticker.C:
		}
	}
}

func (all *legs) report(last bool) error {
	now := time.Now()
	for _, l := range all.leg {
		if !l.wanted() {
			continue
		}
		if _, err := l.conn.WriteToUDPAddrPort(l.report(now, all.started, last), l.to.rtcp); err != nil {
			return fmt.Errorf("send RTCP: %w", err)
		}
	}
	return nil
}

func (all *legs) close() {
	for _, l := range all.leg {
		if l != nil {
			l.conn.Close() // Nothing that was sent is held back.
		}
	}
}

func (l *leg) wanted() bool { return l.to != destination{} }

// sent is what went out. A leg that the recorder did not want sent nothing.
func (l *leg) sent() []byte { return l.audio[:l.packets*packetBytes] }
