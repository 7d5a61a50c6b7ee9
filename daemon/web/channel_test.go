package web

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// wavFile makes a WAV file of random samples, as RIFF or RF64.
func wavFile(tag uint16, channels, width int, frames int64, big bool) []byte {
	le := binary.LittleEndian
	data := frames * int64(channels*width)
	var b []byte
	if big {
		b = append(b, "RF64\xFF\xFF\xFF\xFFWAVEds64"...)
		b = le.AppendUint32(b, 28)
		b = append(b, make([]byte, 28)...)
	} else {
		b = le.AppendUint32([]byte("RIFF"), 0) // a length that nobody reads
		b = append(b, "WAVE"...)
	}
	b = le.AppendUint32(append(b, "fmt "...), 16)
	b = le.AppendUint16(b, tag)
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, 8000)
	b = le.AppendUint32(b, uint32(8000*channels*width))
	b = le.AppendUint16(b, uint16(channels*width))
	b = le.AppendUint16(b, uint16(8*width))
	b = append(b, "LIST\x03\x00\x00\x00abc\x00"...) // odd, and padded
	b = append(b, "data"...)
	if big {
		b = le.AppendUint32(b, math.MaxUint32)
	} else {
		b = le.AppendUint32(b, uint32(data))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range data {
		b = append(b, byte(rng.Uint32()))
	}
	return b
}

func TestChannel(t *testing.T) {
	for _, c := range []struct {
		channels, width int
		frames          int64
		big             bool
	}{
		{1, 1, 7, false}, {2, 1, 20_001, false}, {2, 2, 20_001, false}, {3, 2, blockFrames, true}, {2, 1, 0, false}, {5, 1, 1, true},
	} {
		file := wavFile(7, c.channels, c.width, c.frames, c.big)
		samples := file[len(file)-c.channels*c.width*int(c.frames):]
		for index := range c.channels {
			ch, err := newChannel(bytes.NewReader(file), int64(len(file)), index)
			if err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			want := ch.head
			for n := index * c.width; n < len(samples); n += c.channels * c.width {
				want = append(want[:len(want):len(want)], samples[n:n+c.width]...)
			}
			if len(want)%2 == 1 {
				want = append(want, 0)
			}
			if err := iotest.TestReader(ch, want); err != nil {
				t.Errorf("%+v, channel %d: %v", c, index, err)
			}
		}
	}
}

// FuzzChannel: whatever the file says of itself, each channel is as long as its head says, and all of them together are the
// samples of the file.
func FuzzChannel(f *testing.F) {
	f.Add(wavFile(7, 2, 1, 100, false))
	f.Add(wavFile(1, 3, 2, 33, true))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEdata\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		size := int64(len(file))
		form, err := parseWAV(bytes.NewReader(file), size)
		if err != nil {
			return
		}
		frame := int64(form.channels * form.width)
		if form.data < 0 || form.frames < 0 || form.data+form.frames*frame > size {
			t.Fatalf("form %+v is not within %d bytes", form, size)
		}
		for index := range min(form.channels, 4) {
			ch, err := newChannel(bytes.NewReader(file), size, index)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(ch)
			if err != nil || int64(len(got)) != ch.size() {
				t.Fatalf("read %d bytes of %d: %v", len(got), ch.size(), err)
			}
			mono, err := parseWAV(bytes.NewReader(got), int64(len(got)))
			if err != nil || mono.channels != 1 || mono.frames != form.frames || mono.tag != form.tag || mono.width != form.width {
				t.Fatalf("channel has form %+v, %v; the file has %+v", mono, err, form)
			}
			for n := range form.frames {
				at, from := mono.data+n*int64(form.width), form.data+n*frame+int64(index*form.width)
				if !bytes.Equal(got[at:at+int64(form.width)], file[from:from+int64(form.width)]) {
					t.Fatalf("sample %d of channel %d differs", n, index)
				}
			}
		}
	})
}

func BenchmarkChannel(b *testing.B) {
	file := wavFile(7, 2, 1, 1<<20, false)
	ch, err := newChannel(bytes.NewReader(file), int64(len(file)), 1)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(ch.size())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ch.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{ch}); err != nil {
			b.Fatal(err)
		}
	}
}
