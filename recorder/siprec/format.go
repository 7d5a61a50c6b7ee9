package siprec

import (
	"fmt"
	"strconv"
	"strings"
)

// Format is a payload type and what it means.
type Format struct {
	PayloadType uint8
	Encoding    string // upper case; "" when the offer does not say
	ClockRate   int    // Hz
	Channels    int
	Fmtp        string
}

// staticFormats are the payload types of RFC 3551, 6, that need no rtpmap.
var staticFormats = map[uint8]Format{
	0:  {PayloadType: 0, Encoding: "PCMU", ClockRate: 8000, Channels: 1},
	3:  {PayloadType: 3, Encoding: "GSM", ClockRate: 8000, Channels: 1},
	4:  {PayloadType: 4, Encoding: "G723", ClockRate: 8000, Channels: 1},
	8:  {PayloadType: 8, Encoding: "PCMA", ClockRate: 8000, Channels: 1},
	9:  {PayloadType: 9, Encoding: "G722", ClockRate: 8000, Channels: 1},
	13: {PayloadType: 13, Encoding: "CN", ClockRate: 8000, Channels: 1},
	18: {PayloadType: 18, Encoding: "G729", ClockRate: 8000, Channels: 1},
}

func (s *OfferStream) addFormat(pt uint8) {
	if s.format(pt) == nil {
		f := staticFormats[pt]
		f.PayloadType = pt
		s.Formats = append(s.Formats, f)
	}
}

func (s *OfferStream) format(pt uint8) *Format {
	for i := range s.Formats {
		if s.Formats[i].PayloadType == pt {
			return &s.Formats[i]
		}
	}
	return nil
}

// described cuts "96 opus/48000/2" after the payload type. The format is nil when the m= line does not have it.
func (s *OfferStream) described(value string) (f *Format, what string) {
	pt, what, _ := strings.Cut(value, " ")
	n, err := strconv.ParseUint(pt, 10, 7)
	if err != nil {
		return nil, ""
	}
	return s.format(uint8(n)), strings.TrimSpace(what)
}

// rtpmap reads "96 opus/48000/2" (RFC 8866, 6.6).
func (s *OfferStream) rtpmap(value string) {
	f, encoding := s.described(value)
	if f == nil || encoding == "" {
		return
	}
	name, rest, _ := strings.Cut(encoding, "/")
	rate, channels, _ := strings.Cut(rest, "/")
	f.Encoding, f.Channels = strings.ToUpper(strings.TrimSpace(name)), 1
	if n := number(strings.TrimSpace(rate), 20); n > 0 {
		f.ClockRate = int(n)
	}
	if n := number(strings.TrimSpace(channels), 8); n > 0 {
		f.Channels = int(n)
	}
}

// fmtp reads "101 0-15" (RFC 8866, 6.15).
func (s *OfferStream) fmtp(value string) {
	if f, params := s.described(value); f != nil {
		f.Fmtp = params
	}
}

// encodingEvent is the encoding of RFC 4733, in upper case as all are here.
const encodingEvent = "TELEPHONE-EVENT"

// line writes the format as an rtpmap attribute.
func (f Format) line() string {
	name := f.Encoding
	if name == encodingEvent {
		name = "telephone-event" // not every client compares without case
	}
	if f.Channels > 1 {
		return fmt.Sprintf("%d %s/%d/%d", f.PayloadType, name, f.ClockRate, f.Channels)
	}
	return fmt.Sprintf("%d %s/%d", f.PayloadType, name, f.ClockRate)
}
