package client

import "testing"

// The expansions of G.711, by its tables' rule.
func decodeMu(b byte) int {
	b = ^b
	v := (int(b&0x0F)<<3+0x84)<<(b>>4&7) - 0x84
	if b&0x80 != 0 {
		return -v
	}
	return v
}

func decodeA(b byte) int {
	b ^= 0x55
	v := int(b&0x0F)<<4 + 8
	if segment := b >> 4 & 7; segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		return -v
	}
	return v
}

func TestLaws(t *testing.T) {
	for _, test := range []struct {
		law    string
		sample int16
		want   byte
	}{
		{"PCMU", 0, 0xFF}, {"PCMU", -1, 0x7F}, {"PCMU", 32767, 0x80}, {"PCMU", -32768, 0x00},
		{"PCMA", 0, 0xD5}, {"PCMA", -1, 0x55}, {"PCMA", 32767, 0xAA}, {"PCMA", -32768, 0x2A},
	} {
		if got := laws[test.law].encode(test.sample); got != test.want {
			t.Errorf("%s of %d: got %#x, want %#x", test.law, test.sample, got, test.want)
		}
	}
}

// Every code survives, and every sample becomes the code whose value is nearest, or one as near.
func TestLawsRoundTrip(t *testing.T) {
	for name, decode := range map[string]func(byte) int{"PCMU": decodeMu, "PCMA": decodeA} {
		encode := laws[name].encode
		for code := range 256 {
			v := decode(byte(code))
			if got := encode(int16(v)); got != byte(code) && v != 0 { // µ-law has two zeros.
				t.Errorf("%s: %#x is %d is %#x", name, code, v, got)
			}
		}
		for s := -32768; s <= 32767; s++ {
			got := decode(encode(int16(s)))
			width := max(8, abs(s)/16) // A segment of sixteen steps begins at a power of two.
			if abs(got-s) > width/2+8 && abs(s) < 32000 {
				t.Fatalf("%s: %d became %d", name, s, got)
			}
		}
	}
}

func abs(v int) int { return max(v, -v) }
