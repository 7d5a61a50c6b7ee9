package rtp

import "encoding/binary"

// eventBlock is the length of an event's payload, in bytes (RFC 4733, 2.3).
const eventBlock = 4

// Event is a telephone event: mostly a digit (RFC 4733, 2.3).
type Event struct {
	Code     uint8
	End      bool
	Volume   uint8  // dB below 0 dBm0
	Duration uint16 // ticks since the timestamp of the packet
}

// ParseEvent reads the payload of a telephone event. Of several in one packet it is the first.
func ParseEvent(b []byte) (Event, error) {
	if len(b) < eventBlock {
		return Event{}, ErrShort
	}
	return Event{Code: b[0], End: b[1]&0x80 != 0, Volume: b[1] & 0x3f, Duration: binary.BigEndian.Uint16(b[2:])}, nil
}
