package audio

import "testing"

// TestG711 checks the ends and the middle of tables 1 and 2 of ITU-T G.711, scaled to 16 bits.
func TestG711(t *testing.T) {
	for _, tt := range []struct {
		table *decodeTable
		code  byte
		want  int16
	}{
		{tablePCMU, 0x80, 32124}, {tablePCMU, 0x00, -32124},
		{tablePCMU, 0xFF, 0}, {tablePCMU, 0x7F, 0}, {tablePCMU, 0xFE, 8}, {tablePCMU, 0x7E, -8},
		{tablePCMU, 0xEF, 132}, {tablePCMU, 0x8F, 16764},
		{tablePCMA, 0xAA, 32256}, {tablePCMA, 0x2A, -32256},
		{tablePCMA, 0xD5, 8}, {tablePCMA, 0x55, -8}, {tablePCMA, 0xC5, 264}, {tablePCMA, 0xF5, 528},
	} {
		if got := tt.table[tt.code]; got != tt.want {
			t.Errorf("code %#x: got %d, want %d", tt.code, got, tt.want)
		}
	}
}

// TestG711Steps walks from the quietest to the loudest code word: each is louder, and the negative half mirrors it.
func TestG711Steps(t *testing.T) {
	for i := range 127 {
		for _, half := range []byte{0x00, 0x80} {
			near, far := byte(i), byte(i+1)
			if u, v := tablePCMU[^near^half], tablePCMU[^far^half]; abs(int64(v)) <= abs(int64(u)) {
				t.Errorf("PCMU %#x: %d is not louder than %d", ^far^half, v, u)
			}
			if u, v := tablePCMA[near^0x55^half], tablePCMA[far^0x55^half]; abs(int64(v)) <= abs(int64(u)) {
				t.Errorf("PCMA %#x: %d is not louder than %d", far^0x55^half, v, u)
			}
		}
		if code := byte(i); tablePCMU[code] != -tablePCMU[code^0x80] || tablePCMA[code] != -tablePCMA[code^0x80] {
			t.Errorf("code %#x is not the mirror of its opposite", code)
		}
	}
}
