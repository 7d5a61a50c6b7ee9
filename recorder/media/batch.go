package media

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"linewarden/recorder/rtp"
)

const (
	// batchSize in packets is what one system call may return: a period's worth of a 20 ms stream six times over.
	batchSize = 32

	// packetSize in bytes is the longest packet that is taken: no Ethernet carries a longer one unfragmented,
	// and no voice codec makes one.
	packetSize = 2048

	// controlSize in bytes holds the two control messages that are asked for, a timespec and a counter, with
	// their headers and padding.
	controlSize = 64
)

// batch is the memory that packets are received into. The headers point into the arrays beside them.
type batch struct {
	headers  [batchSize]unix.Mmsghdr
	vectors  [batchSize]unix.Iovec
	names    [batchSize]unix.RawSockaddrInet6 // Has room for an IPv4 address too.
	controls [batchSize][controlSize]byte
	packets  [batchSize][packetSize]byte
}

func newBatch() *batch {
	b := new(batch)
	for i := range b.headers {
		b.vectors[i].Base = &b.packets[i][0]
		b.vectors[i].SetLen(packetSize)
		h := &b.headers[i].Hdr
		h.Iov = &b.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Control = &b.controls[i][0]
		b.rearm(i)
	}
	return b
}

// rearm restores the lengths that the kernel overwrites.
func (b *batch) rearm(i int) {
	h := &b.headers[i].Hdr
	h.Namelen = unix.SizeofSockaddrInet6
	h.SetControllen(controlSize)
}

// receive fills the batch with what is queued and returns the number of packets. It never waits, which is why it
// may go round the scheduler.
func (b *batch) receive(fd int) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&b.headers[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	}
	return 0, errno
}

// deliver hands the first n packets of the batch to the sink of p.
func (s *sweeper) deliver(p *Port, from *socket, kind Kind, now time.Time, n int) {
	b := s.batch
	var tally [RTCP + 1]struct{ packets, bytes uint64 }
	for i := range n {
		h := &b.headers[i]
		at, dropped := control(b.controls[i][:h.Hdr.Controllen], now)
		if lost := from.lostSince(dropped); lost > 0 {
			p.overflow.Add(lost)
		}
		if h.Hdr.Flags&unix.MSG_TRUNC != 0 {
			p.oversized.Add(1)
		} else {
			packet, is := b.packets[i][:h.Len], kind
			if is == RTP && rtp.IsRTCP(packet) { // RFC 5761, 4: multiplexed on the RTP port.
				is = RTCP
			}
			p.sink.Packet(is, address(&b.names[i]), at, packet)
			tally[is].packets++
			tally[is].bytes += uint64(h.Len)
		}
		b.rearm(i)
	}
	if tally[RTP].packets > 0 {
		p.rtpPackets.Add(tally[RTP].packets)
		p.rtpBytes.Add(tally[RTP].bytes)
	}
	if tally[RTCP].packets > 0 {
		p.rtcpPackets.Add(tally[RTCP].packets)
		p.rtcpBytes.Add(tally[RTCP].bytes)
	}
}

// control reads the arrival time and the number of packets dropped so far from control messages. The kernel
// leaves out the latter while it is nought; without the former, the time of the sweep stands in.
func control(b []byte, sweep time.Time) (at time.Time, dropped uint32) {
	at = sweep.Round(0) // Wall clock only, as the kernel's.
	for len(b) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		size := int(h.Len)
		if size < unix.SizeofCmsghdr || size > len(b) {
			break
		}
		data := b[unix.CmsgLen(0):size]
		if h.Level == unix.SOL_SOCKET {
			switch {
			case h.Type == unix.SCM_TIMESTAMPNS && len(data) >= int(unsafe.Sizeof(unix.Timespec{})):
				at = time.Unix((*unix.Timespec)(unsafe.Pointer(&data[0])).Unix())
			case h.Type == unix.SO_RXQ_OVFL && len(data) >= 4:
				dropped = binary.NativeEndian.Uint32(data)
			}
		}
		next := unix.CmsgSpace(size - unix.CmsgLen(0))
		if next >= len(b) {
			break
		}
		b = b[next:]
	}
	return at, dropped
}

func address(a *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&a.Port))[:])
	if a.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(a)).Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), port)
}
