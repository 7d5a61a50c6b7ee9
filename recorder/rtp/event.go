package rtp

import "encoding/binary"

// Event is a telephone event: a digit, mostly (RFC 4733, 2.3).
type Event struct {
	Code     uint8
	End      bool
	Volume   uint8  // -dBm0
	Duration uint16 // ticks
}

// ParseEvent reads the payload of a telephone event.
func ParseEvent(b []byte) (Event, error) {
	if len(b) < 4 {
		return Event{}, ErrShort
	}
	return Event{Code: b[0], End: b[1]&0x80 != 0, Volume: b[1] & 0x3f, Duration: binary.BigEndian.Uint16(b[2:])}, nil
}
