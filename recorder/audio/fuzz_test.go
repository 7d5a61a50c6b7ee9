package audio

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// fuzzLog reads a log out of arbitrary bytes: of each packet the stream, the time since the one before, and the length.
func fuzzLog(b []byte) packets {
	var log packets
	at := epoch
	for len(b) >= 8 {
		stream, n := uint16(b[0]%4), int(b[1])
		step := time.Duration(int32(binary.LittleEndian.Uint32(b[2:]))) * time.Duration(1+int(b[6])<<(b[7]%24))
		at = at.Add(step)
		b = b[8:]
		n = min(n, len(b))
		log = append(log, Packet{stream, at, b[:n]})
		b = b[n:]
	}
	return log
}

// fuzzBytes is the opposite of fuzzLog, for packets of less than 256 bytes in order of arrival.
func fuzzBytes(log packets) []byte {
	var b []byte
	at := epoch
	for _, p := range log {
		step := p.At.Sub(at)
		at = p.At
		b = append(b, byte(p.Stream), byte(len(p.Data)))
		b = binary.LittleEndian.AppendUint32(b, uint32(int32(step)))
		b = append(b, 0, 0)
		b = append(b, p.Data...)
	}
	return b
}

// FuzzRender shows arbitrary logs. None may fail to render, nor make a file that is not what its header says or is longer than
// it may be.
func FuzzRender(f *testing.F) {
	rng := rand.New(rand.NewPCG(4, 1))
	v, other := newVoice(1, 0), newVoice(2, 50*time.Millisecond)
	v.ticks, other.ticks = 80, 80
	v.talk(rng, 10, 0)
	v.pause(8000)
	digit(v)
	v.talk(rng, 10, time.Millisecond)
	other.payloadType = 8
	other.talk(rng, 20, 0)
	f.Add(fuzzBytes(merge(v)))
	f.Add(fuzzBytes(merge(v, other)))
	f.Add(fuzzBytes(packets{{1, epoch, []byte{0x80, 200, 0, 1, 0, 0, 0, 0}}, {2, epoch, nil}, {3, epoch, []byte("junk")}}))
	streams := []Stream{
		{1, "a", pcmu}, {2, "b", pcma},
		{3, "c", map[uint8]Format{0: {Encoding: "PCMU", ClockRate: 11025}, 8: {Encoding: "PCMA", ClockRate: 1}, 96: {}}},
	}
	file, err := os.Create(filepath.Join(f.TempDir(), "audio.wav"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { file.Close() })
	const longest = 20 * time.Second
	f.Fuzz(func(t *testing.T, b []byte) {
		log := fuzzLog(b)
		r, err := Render(context.Background(), log, streams, file, Options{MaxDuration: longest, MaxRIFF: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		w, err := parseWAV(data)
		if err != nil {
			t.Fatal(err)
		}
		checkResult(t, r, w, streams)
		if limit := longest - earliest + 2*maxLead + 2*time.Second; r.Duration() > limit {
			t.Errorf("%v of audio, over %v", r.Duration(), limit)
		}
	})
}
