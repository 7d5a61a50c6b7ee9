// Package rtp is the arithmetic of RFC 3550, 4733 and 5761: headers, sequence numbers, timestamps, loss and jitter of a
// source. It has no sockets and no clock; where packets come from and what they sound like is left to others.
package rtp

import (
	"encoding/binary"
	"errors"
)

// Version of RTP that there is (RFC 3550, 5.1).
const version = 2

// fixedHeader is the length of a header without CSRC list and extension, in bytes.
const fixedHeader = 12

var (
	ErrShort   = errors.New("packet is shorter than its RTP header says")
	ErrVersion = errors.New("packet is not RTP version 2")
	ErrPadding = errors.New("packet has more padding than payload")
)

// Header is an RTP header and where the payload lies behind it (RFC 3550, 5.1).
type Header struct {
	PayloadType   uint8
	Marker        bool
	Seq           uint16
	Timestamp     uint32 // ticks of the payload type's clock
	SSRC          uint32
	PayloadOffset int // of the first byte of payload
	PayloadEnd    int // behind the last, padding left out
}

// ParseHeader reads a packet's header. It allocates nothing.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < fixedHeader {
		return Header{}, ErrShort
	}
	if b[0]>>6 != version {
		return Header{}, ErrVersion
	}
	h := Header{
		PayloadType:   b[1] & 0x7f,
		Marker:        b[1]&0x80 != 0,
		Seq:           binary.BigEndian.Uint16(b[2:]),
		Timestamp:     binary.BigEndian.Uint32(b[4:]),
		SSRC:          binary.BigEndian.Uint32(b[8:]),
		PayloadOffset: fixedHeader + 4*int(b[0]&0x0f), // CSRC list
		PayloadEnd:    len(b),
	}
	if b[0]&0x10 != 0 { // extension (RFC 3550, 5.3.1)
		if len(b) < h.PayloadOffset+4 {
			return Header{}, ErrShort
		}
		h.PayloadOffset += 4 + 4*int(binary.BigEndian.Uint16(b[h.PayloadOffset+2:]))
	}
	if len(b) < h.PayloadOffset {
		return Header{}, ErrShort
	}
	if b[0]&0x20 != 0 && len(b) > h.PayloadOffset { // padding: the last byte counts it and itself
		padding := int(b[len(b)-1])
		if padding == 0 || padding > len(b)-h.PayloadOffset {
			return Header{}, ErrPadding
		}
		h.PayloadEnd -= padding
	}
	return h, nil
}

// IsRTCP tells RTCP from RTP on a port that both share (RFC 5761, 4).
func IsRTCP(b []byte) bool {
	return len(b) >= 2 && b[0]>>6 == version && b[1] >= 192 && b[1] <= 223
}
