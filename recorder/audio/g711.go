package audio

// decodeTable has the 16-bit sample of every code word.
type decodeTable [256]int16

// ITU-T G.711 (11/88), tables 1 and 2.
var (
	tablePCMU = makeTable(decodePCMU)
	tablePCMA = makeTable(decodePCMA)
)

// Code words of the quietest sample.
const (
	silencePCMU = 0xFF // +0
	silencePCMA = 0xD5 // the smallest positive value: A-law has no zero
)

func makeTable(decode func(byte) int16) *decodeTable {
	var t decodeTable
	for i := range t {
		t[i] = decode(byte(i))
	}
	return &t
}

// decodePCMU decodes µ-law. All bits are inverted on the line.
func decodePCMU(code byte) int16 {
	const bias = 0x84
	code = ^code
	v := (int16(code&0x0F)<<3 + bias) << (code >> 4 & 7)
	if code&0x80 != 0 {
		return bias - v
	}
	return v - bias
}

// decodePCMA decodes A-law. Even bits are inverted on the line.
func decodePCMA(code byte) int16 {
	code ^= 0x55
	v := int16(code&0x0F)<<4 + 8
	if segment := code >> 4 & 7; segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if code&0x80 != 0 {
		return v
	}
	return -v
}
