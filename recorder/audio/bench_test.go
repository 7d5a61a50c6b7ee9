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

// longCall is a log of a call of two streams, made while it is read: it takes no memory.
type longCall struct {
	length time.Duration
	lose   int // one packet in so many
}

func (c longCall) Packets(fn func(Packet) error) error {
	rng := rand.New(rand.NewPCG(9, 9))
	payload := noise(rng, 160)
	b := rtpPacket(0, 0, 0, 0, payload)
	for i := range int(c.length / (20 * time.Millisecond)) {
		for stream := uint16(1); stream <= 2; stream++ {
			if c.lose > 0 && rng.IntN(c.lose) == 0 {
				continue
			}
			binary.BigEndian.PutUint16(b[2:], uint16(i))
			binary.BigEndian.PutUint32(b[4:], uint32(i*160))
			b[11] = byte(stream)
			at := epoch.Add(time.Duration(i)*20*time.Millisecond + time.Duration(rng.IntN(5_000_000)))
			if err := fn(Packet{stream, at, b}); err != nil {
				return err
			}
		}
	}
	return nil
}

// BenchmarkRender renders an hour of stereo, without loss and with a loss of one percent. A call of eight hours takes eight
// times as long; of what is allocated the window stays as it is, and peaks (80 bytes a second) and gaps grow.
func BenchmarkRender(b *testing.B) {
	for name, call := range map[string]longCall{"clean": {time.Hour, 0}, "lossy": {time.Hour, 100}} {
		b.Run(name, func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "audio.wav"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			b.ReportAllocs()
			for b.Loop() {
				r, err := Render(context.Background(), call, bothPCMU, f, Options{})
				if err != nil || r.Duration().Round(time.Minute) != call.length {
					b.Fatalf("%v, %v", r.Duration(), err)
				}
			}
			b.ReportMetric(call.length.Seconds()*float64(b.N)/b.Elapsed().Seconds(), "x-realtime")
		})
	}
}
