package client

import "math/bits"

// law is one of the two codings of ITU-T G.711, with its static payload type (RFC 3551, 6).
type law struct {
	name        string
	payloadType uint8
	silence     byte
	encode      func(int16) byte
}

var laws = map[string]law{
	"PCMU": {"PCMU", 0, 0xFF, encodeMu},
	"PCMA": {"PCMA", 8, 0xD5, encodeA},
}

func (l law) encodeAll(pcm []int16) []byte {
	b := make([]byte, len(pcm))
	for i, s := range pcm {
		b[i] = l.encode(s)
	}
	return b
}

// encodeMu codes a sample by µ-law: sign, three bits for the segment, four for the place in it, all inverted.
func encodeMu(s int16) byte {
	const bias, clip = 0x84, 32635 // The bias makes segments of doubling width; the clip keeps the sum in 15 bits.
	v, sign := int(s), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, clip) + bias
	segment := bits.Len(uint(v)) - 8
	return ^(sign | byte(segment<<4) | byte(v>>(segment+3)&0x0F))
}

// encodeA codes a sample by A-law, with every other bit inverted.
func encodeA(s int16) byte {
	v, sign := int(s)>>3, byte(0x80) // 13 bits.
	if v < 0 {
		v, sign = -v-1, 0
	}
	segment := max(bits.Len(uint(v))-5, 0)
	place := v >> max(segment, 1) & 0x0F // The two lowest segments are of the same width.
	return (sign | byte(segment<<4) | byte(place)) ^ 0x55
}
