package recorder

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"linewarden/recorder/audio"
	"linewarden/storage/spool"
)

// Parts of an entry.
const (
	partAudio = "audio.wav"
	partPeaks = "peaks.json"
)

// finalise makes an entry what the archive takes: audio, peaks and manifest, sealed. It reads only the entry, and may be run
// again after any crash: parts are written anew, and the seal is one rename.
func finalise(c Config, e *spool.Entry) error {
	f, err := readFacts(e)
	if err != nil {
		return err
	}
	result, err := render(e, f)
	if err != nil {
		return err
	}
	if err := writePeaks(e, result); err != nil {
		return err
	}
	if err := e.Seal(manifest(c, e.ID(), f, result)); err != nil {
		return fmt.Errorf("seal entry: %w", err)
	}
	return nil
}

// render works the media log into audio.wav.
func render(e *spool.Entry, f *facts) (audio.Result, error) {
	wav, err := e.CreatePart(partAudio)
	if err != nil {
		return audio.Result{}, fmt.Errorf("create audio: %w", err)
	}
	result, err := audio.Render(context.Background(), packetSource{e}, audioStreams(f), wav, audio.Options{})
	if err != nil {
		wav.Close()
		return result, fmt.Errorf("render audio: %w", err)
	}
	return result, closeSynced(wav)
}

func writePeaks(e *spool.Entry, result audio.Result) error {
	file, err := e.CreatePart(partPeaks)
	if err != nil {
		return fmt.Errorf("create peaks: %w", err)
	}
	if err := json.NewEncoder(file).Encode(result.Peaks); err != nil {
		file.Close()
		return fmt.Errorf("write peaks: %w", err)
	}
	return closeSynced(file)
}

// closeSynced makes a finished part durable: Seal vouches for its bytes.
func closeSynced(file *os.File) error {
	err := file.Sync()
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("sync %s: %w", file.Name(), err)
	}
	return nil
}

// packetSource shows audio.Render the RTP packets of an entry.
type packetSource struct{ entry *spool.Entry }

func (s packetSource) Packets(fn func(audio.Packet) error) error {
	return s.entry.Packets(func(p spool.Packet) error {
		if p.Kind != spool.KindRTP {
			return nil
		}
		return fn(audio.Packet{Stream: p.Stream, At: p.At, Data: p.Data})
	})
}

// audioStreams lists the streams in the order of their channels.
func audioStreams(f *facts) []audio.Stream {
	streams := make([]audio.Stream, 0, len(f.streams))
	for _, s := range f.streams {
		formats := make(map[uint8]audio.Format, len(s.formats))
		for pt, format := range s.formats {
			formats[pt] = audio.Format{Encoding: format.Encoding, ClockRate: format.ClockRate, Channels: max(1, format.Channels)}
		}
		streams = append(streams, audio.Stream{Number: s.Number, Label: s.Label, Formats: formats})
	}
	return streams
}

// endOf is when and why the session ended. A journal that does not say so was cut off by a crash: the last packet is the
// last that is known.
func endOf(f *facts, result audio.Result) (at time.Time, reason string) {
	if !f.ended.IsZero() {
		return f.ended, f.end.Reason
	}
	if last := result.Start.Add(result.Duration()); result.Frames > 0 {
		return last, EndRestart
	}
	return f.opened, EndRestart
}
