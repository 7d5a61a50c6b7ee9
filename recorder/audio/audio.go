// Package audio works the packets of a finished session into one WAV file: a channel for each stream, all on one clock. It
// reads every packet before it places the first, so that nothing is too late for it. Receiving packets, and keeping them
// until then, it leaves to others.
package audio

import (
	"time"
)

// Source is a log of packets that can be read from the start as often as needed, with the same result each time.
type Source interface {
	Packets(fn func(Packet) error) error
}

// Packet is an RTP packet as it came.
type Packet struct {
	Stream uint16
	At     time.Time // of arrival
	Data   []byte    // valid only until the function that got it returns
}

// Stream says what the packets with its number mean. Each stream has its channel, also when it has no packets.
type Stream struct {
	Number  uint16
	Label   string
	Formats map[uint8]Format // by payload type; when empty the static types of RFC 3551 hold
}

// Format is the meaning of a payload type. Encodings are upper case: PCMU and PCMA are audio, CN (RFC 3389) is comfort
// noise, TELEPHONE-EVENT (RFC 4733) digits; of any other it is only known that something came.
type Format struct {
	Encoding  string
	ClockRate int // Hz
	Channels  int // 0 is 1
}

// Options of Render. The zero value is good.
type Options struct {
	// MaxDuration bounds the audio, and with it memory and the file: packets that came later than this after the first are
	// junk. 0 is 26 hours.
	MaxDuration time.Duration
	// MaxRIFF in bytes is the biggest file that is written as RIFF; a bigger one is RF64. 0 is what RIFF can say: 4 GiB.
	MaxRIFF int64
}

// Encodings of the WAV file.
const (
	EncodingPCMU = "pcmu"
	EncodingPCMA = "pcma"
	EncodingS16  = "s16"
)

// Result is what Render found.
type Result struct {
	Start      time.Time // wall clock of the first sample; zero when there is none
	Frames     int64     // samples of each channel
	SampleRate int       // Hz
	Encoding   string
	Channels   []Channel // in the order of the streams
	Stray      int64     // packets of no stream that was asked for
	Peaks      Peaks
}

// Duration of the audio.
func (r Result) Duration() time.Duration {
	if r.SampleRate == 0 {
		return 0
	}
	return span(r.Frames, r.SampleRate)
}

// Channel is what became of a stream's packets.
type Channel struct {
	Number      uint16
	Label       string
	Codecs      []string // in the order in which they were first heard
	ClockRate   int      // Hz, of the first codec
	Packets     int64    // RTP packets, junk not counted
	Bytes       int64    // of those, headers included
	Lost        int64
	Duplicate   int64
	Late        int64 // came after a packet that was sent later
	Junk        int64 // no RTP, or of a payload type that was not offered or has no place on the clock
	Events      int64 // RFC 4733 packets: digits
	Noise       int64 // RFC 3389 packets: comfort noise
	Undecoded   int64 // of an encoding that was offered, but that this package cannot decode
	SSRCs       []uint32
	SSRCChanges int
	JitterMS    float64
	MOS         float64 // estimate, 1 to 4.5; 0 when nothing was heard
	Gaps        []Gap
	GapsOmitted int64 // short ones that Gaps leaves out, since there are too many
}

// Gap is a stretch of a channel that holds silence since no audio was received for it.
type Gap struct {
	From, To time.Duration // from the start of the audio
	Cause    string
}

// Causes of gaps.
const (
	CauseNotStarted = "not_started" // before the stream's first packet
	CauseEnded      = "ended"       // after its last
	CauseLoss       = "loss"        // sequence numbers are missing
	CauseSilence    = "silence"     // the sender sent nothing, or comfort noise
	CauseDTMF       = "dtmf"        // digits were sent instead
	CauseCodec      = "codec"       // packets came that cannot be decoded
	CauseRestart    = "restart"     // the sender began anew: another SSRC, or a jump of its clock
)

// span is the time that a number of samples takes.
func span(samples int64, rate int) time.Duration {
	r := int64(rate)
	return time.Duration(samples/r)*time.Second + time.Duration(samples%r*int64(time.Second)/r)
}

// samples is the number of samples that a time takes, rounded to the nearest.
func samples(d time.Duration, rate int) int64 {
	whole, rest := int64(d/time.Second), int64(d%time.Second)
	n := rest * int64(rate)
	if n < 0 {
		n -= int64(time.Second) / 2
	} else {
		n += int64(time.Second) / 2
	}
	return whole*int64(rate) + n/int64(time.Second)
}
