package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

// wavFile is what a reader that follows the RIFF specification, and EBU Tech 3306 for RF64, finds in a file.
type wavFile struct {
	rf64                      bool
	tag, channels, rate, bits int
	sampleCount               int64 // of fact or ds64; -1 when neither says
	data                      []byte
}

func (w wavFile) frames() int64 { return int64(len(w.data) / (w.channels * w.bits / 8)) }

// channel is every sample of one channel as 16-bit numbers.
func (w wavFile) channel(c int) []int16 {
	all := make([]int16, 0, w.frames())
	for i := range int(w.frames()) {
		switch at := i*w.channels + c; w.tag {
		case 7:
			all = append(all, decodePCMU(w.data[at]))
		case 6:
			all = append(all, decodePCMA(w.data[at]))
		default:
			all = append(all, int16(binary.LittleEndian.Uint16(w.data[2*at:])))
		}
	}
	return all
}

// codes are the bytes of one channel of a G.711 file.
func (w wavFile) codes(c int) []byte {
	all := make([]byte, 0, w.frames())
	for i := range int(w.frames()) {
		all = append(all, w.data[i*w.channels+c])
	}
	return all
}

func parseWAV(b []byte) (w wavFile, err error) {
	le := binary.LittleEndian
	if len(b) < 12 || string(b[8:12]) != "WAVE" {
		return w, errors.New("no WAVE")
	}
	w.rf64, w.sampleCount = string(b[:4]) == "RF64", -1
	riff, ds64Data := int64(le.Uint32(b[4:])), int64(-1)
	for rest := b[12:]; len(rest) > 0; {
		if len(rest) < 8 {
			return w, errors.New("torn chunk")
		}
		id, size := string(rest[:4]), int64(le.Uint32(rest[4:]))
		if id == "data" && w.rf64 && size == 0xFFFFFFFF {
			size = ds64Data
		}
		rest = rest[8:]
		if size < 0 || size+size%2 > int64(len(rest)) {
			return w, fmt.Errorf("chunk %s of %d bytes is beyond the file", id, size)
		}
		c := rest[:size]
		switch id {
		case "ds64":
			riff, ds64Data, w.sampleCount = int64(le.Uint64(c)), int64(le.Uint64(c[8:])), int64(le.Uint64(c[16:]))
		case "fmt ":
			w.tag, w.channels, w.rate = int(le.Uint16(c)), int(le.Uint16(c[2:])), int(le.Uint32(c[4:]))
			w.bits = int(le.Uint16(c[14:]))
			if align := int(le.Uint16(c[12:])); align != w.channels*w.bits/8 || int(le.Uint32(c[8:])) != align*w.rate {
				return w, errors.New("block size or byte rate is wrong")
			}
			if w.tag != 1 && (size != 18 || le.Uint16(c[16:]) != 0) {
				return w, errors.New("a format other than PCM needs an extension")
			}
		case "fact":
			if n := le.Uint32(c); n != 0xFFFFFFFF {
				w.sampleCount = int64(n)
			}
		case "data":
			w.data = c
		default:
			return w, fmt.Errorf("unexpected chunk %q", id)
		}
		rest = rest[size+size%2:]
	}
	if riff != int64(len(b))-8 {
		return w, fmt.Errorf("RIFF says %d bytes, there are %d", riff, len(b)-8)
	}
	if w.channels == 0 || w.data == nil {
		return w, errors.New("no fmt or data chunk")
	}
	if w.tag != 1 && w.sampleCount != w.frames() {
		return w, fmt.Errorf("fact says %d, there are %d frames", w.sampleCount, w.frames())
	}
	return w, nil
}

func TestHeader(t *testing.T) {
	for _, encoding := range []string{EncodingPCMU, EncodingPCMA, EncodingS16} {
		for channels := 1; channels <= 3; channels++ {
			for _, frames := range []int64{0, 1, 2, 8001} {
				for _, limit := range []int64{maxRIFF, 60} {
					l := layout{encoding, 8000, channels}
					data := make([]byte, frames*int64(l.frame()))
					b := append(l.header(frames, limit), data...)
					if len(data)%2 == 1 {
						b = append(b, 0)
					}
					w, err := parseWAV(b)
					if err != nil {
						t.Fatalf("%+v, %d frames, limit %d: %v", l, frames, limit, err)
					}
					if w.frames() != frames || w.rf64 != (int64(len(b))-8 > limit && limit == 60) {
						t.Errorf("%+v, %d frames, limit %d: got %d frames, RF64 %v", l, frames, limit, w.frames(), w.rf64)
					}
				}
			}
		}
	}
}

// TestHeaderOfBigFile looks at sizes only: no such file is made.
func TestHeaderOfBigFile(t *testing.T) {
	l := layout{EncodingPCMU, 8000, 2}
	if h := l.header(1<<31-30, maxRIFF); string(h[:4]) != "RIFF" {
		t.Errorf("just under 4 GiB: %q", h[:4])
	}
	h := l.header(1<<31, maxRIFF)
	if string(h[:4]) != "RF64" || !bytes.HasSuffix(h, []byte("data\xFF\xFF\xFF\xFF")) {
		t.Errorf("4 GiB of data: %q", h)
	}
	le := binary.LittleEndian
	if riff, data, n := le.Uint64(h[20:]), le.Uint64(h[28:]), le.Uint64(h[36:]); data != 1<<32 || n != 1<<31 || riff != uint64(len(h))-8+data {
		t.Errorf("ds64 says %d, %d, %d", riff, data, n)
	}
}
