package client

import (
	"encoding/binary"
	"fmt"
	"time"
)

// send sends the next packet.
func (l *leg) send() error {
	if !l.wanted() {
		return nil
	}
	n, b := l.packets, l.buffer[:]
	// RFC 3550, 5.1, and RFC 3551, 4.1: the marker says that a talkspurt begins.
	b[0], b[1] = 0x80, l.law.payloadType
	if n == 0 {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], l.seq+uint16(n))
	binary.BigEndian.PutUint32(b[4:], l.timestamp+uint32(n*packetBytes))
	binary.BigEndian.PutUint32(b[8:], l.ssrc)
	copy(b[12:], l.audio[n*packetBytes:(n+1)*packetBytes])
	if _, err := l.conn.WriteToUDPAddrPort(b, l.to.rtp); err != nil {
		return fmt.Errorf("send RTP: %w", err)
	}
	l.packets++
	return nil
}

// report writes a compound RTCP packet (RFC 3550, 6.1): sender report, canonical name, and a goodbye if it is the
// last one.
func (l *leg) report(now, started time.Time, last bool) []byte {
	const ntpEpoch = 2_208_988_800 // Seconds from 1900 to 1970.
	b := []byte{0x80, 200, 0, 6}
	b = binary.BigEndian.AppendUint32(b, l.ssrc)
	b = binary.BigEndian.AppendUint32(b, uint32(now.Unix()+ntpEpoch))
	b = binary.BigEndian.AppendUint32(b, uint32(uint64(now.Nanosecond())<<32/uint64(time.Second)))
	b = binary.BigEndian.AppendUint32(b, l.timestamp+uint32(now.Sub(started)*clockRate/time.Second))
	b = binary.BigEndian.AppendUint32(b, uint32(l.packets))
	b = binary.BigEndian.AppendUint32(b, uint32(l.packets*packetBytes))

	name := binary.BigEndian.AppendUint32(nil, l.ssrc)
	name = append(append(name, 1, byte(len(l.cname))), l.cname...)
	name = append(name, make([]byte, 4-len(name)%4)...) // RFC 3550, 6.5: ends with at least one zero.
	b = append(b, 0x81, 202, 0, byte(len(name)/4))
	b = append(b, name...)

	if last {
		b = append(b, 0x81, 203, 0, 1)
		b = binary.BigEndian.AppendUint32(b, l.ssrc)
	}
	return b
}
