package recorder

import (
	"net/netip"
	"sync/atomic"
	"time"

	"linewarden/recorder/media"
	"linewarden/recorder/rtp"
	"linewarden/recorder/siprec"
	"linewarden/storage/spool"
)

// Stream is the media of one m= line: a port, and the place in the entry's log where its packets go. A stream keeps its
// number, and with it its channel, for the whole life of the entry.
type Stream struct {
	number uint16
	port   *media.Port
	log    *spool.Log
	total  *Counters

	// Owned by Session.run.
	offer   siprec.OfferStream // what the client last said of it
	overrun int64              // packets that the kernel dropped, known once the port is closed

	allow   atomic.Pointer[permit] // replaced by Session.run at each offer, read by the sweep
	latched netip.AddrPort         // Owned by the sweep: who sends while nobody from permit.addrs does.

	packets, bytes, junk, foreign, events, latches atomic.Int64
}

// permit says what a stream takes.
type permit struct {
	addrs   []netip.Addr // the offer's media address and the client's own
	formats payloadTypes // what the offer announces
	events  payloadTypes // RFC 4733 events, of this offer or an earlier one: digits may be under way while it changes
}

// payloadTypes is a set of RTP payload types, a bit each.
type payloadTypes [2]uint64

func (p *payloadTypes) add(pt uint8)     { p[pt>>6&1] |= 1 << (pt & 63) }
func (p *payloadTypes) remove(pt uint8)  { p[pt>>6&1] &^= 1 << (pt & 63) }
func (p payloadTypes) has(pt uint8) bool { return p[pt>>6&1]&(1<<(pt&63)) != 0 }

// isEvent says whether a packet is a digit: by its payload type, or by its size where the client sends what it never announced.
func (p *permit) isEvent(h rtp.Header) bool {
	const block, firstDynamic = 4, 96 // bytes of an event (RFC 4733, 2.3); RFC 3551, 6
	return p.events.has(h.PayloadType) ||
		!p.formats.has(h.PayloadType) && h.PayloadType >= firstDynamic && h.PayloadEnd-h.PayloadOffset == block
}

// isControl says whether a packet is RTCP. What has the payload type of a digit is not, whatever it looks like.
func (p *permit) isControl(b []byte) bool { return rtp.IsRTCP(b) && !p.events.has(b[1]&0x7f) }

// allows takes the packets that an offer announces: from its address or the client's, and digits by their payload type.
func (st *Stream) allows(o siprec.OfferStream, client netip.Addr) {
	p := &permit{events: st.allow.Load().events}
	for _, a := range []netip.Addr{o.Addr, client} {
		if a.IsValid() && !a.IsUnspecified() {
			p.addrs = append(p.addrs, a.Unmap())
		}
	}
	for _, f := range o.Formats {
		p.formats.add(f.PayloadType)
		p.events.remove(f.PayloadType)
		if f.Encoding == encodingEvent {
			p.events.add(f.PayloadType)
		}
	}
	st.offer = o
	st.allow.Store(p)
}

// Packet takes one packet from the sweep. It must not block, keep b, or allocate.
func (st *Stream) Packet(kind media.Kind, from netip.AddrPort, at time.Time, b []byte) {
	p := st.allow.Load()
	if !st.admits(p, from) {
		st.foreign.Add(1)
		st.total.Foreign.Add(1)
		return
	}
	if p.isControl(b) {
		st.log.Append(st.number, spool.KindRTCP, at, b)
		return
	}
	h, err := rtp.ParseHeader(b)
	if err != nil || kind == media.RTCP { // RTP has no place among RTCP
		st.junk.Add(1)
		st.total.Junk.Add(1)
		return
	}
	if p.isEvent(h) {
		// A digit may be one of a card number: that one was pressed is kept, which one is not (PCI DSS 3.3.1).
		st.events.Add(1)
		b = b[:h.PayloadOffset]
	}
	st.packets.Add(1)
	st.bytes.Add(int64(len(b)))
	st.total.Packets.Add(1)
	st.log.Append(st.number, spool.KindRTP, at, b)
}

// admits is the source filter. Media is expected from where the offer says, or from the client itself. When nothing has
// come from there the first other source is followed, since media relays and NAT rewrite addresses and a call must not be
// lost to that; it is dropped as soon as an expected source shows up.
func (st *Stream) admits(p *permit, from netip.AddrPort) bool {
	addr := from.Addr().Unmap()
	for _, a := range p.addrs {
		if a == addr {
			if from != st.latched {
				st.latched = from
			}
			return true
		}
	}
	if !st.latched.IsValid() {
		st.latched = from
		st.latches.Add(1)
	}
	return from == st.latched
}

// close stops the stream's port. What the kernel still holds is taken first.
func (st *Stream) close() {
	if st.port != nil {
		st.port.Close()
		st.overrun += int64(st.port.Counters().Overflow)
		st.port = nil
	}
}

func (st *Stream) counts() streamEnd {
	return streamEnd{
		Number: st.number, Packets: st.packets.Load(), Bytes: st.bytes.Load(), Junk: st.junk.Load(),
		Foreign: st.foreign.Load(), Events: st.events.Load(), Overrun: st.overrun, Latched: st.latches.Load() > 0,
	}
}
