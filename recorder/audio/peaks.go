package audio

import "encoding/binary"

// PeaksVersion is the version of the form of Peaks.
const PeaksVersion = 1

// pointsPerSecond of the overview: one each 50 ms is finer than a pixel of an hour on any screen.
const pointsPerSecond = 20

// Peaks is an overview of the audio for a player to draw before it has the audio itself.
type Peaks struct {
	Version         int           `json:"version"`
	SampleRate      int           `json:"sample_rate"`
	PointsPerSecond int           `json:"points_per_second"`
	Channels        []PeakChannel `json:"channels"`
}

// PeakChannel has the lowest and the highest sample of each point, as signed 8-bit numbers.
type PeakChannel struct {
	Min []int8 `json:"min"`
	Max []int8 `json:"max"`
}

// newPeaks makes the overview of silence.
func newPeaks(l layout, frames int64) Peaks {
	p := Peaks{
		Version: PeaksVersion, SampleRate: l.rate, PointsPerSecond: pointsPerSecond,
		Channels: make([]PeakChannel, l.channels),
	}
	second := int64(l.rate)
	n := frames / second * pointsPerSecond
	for k := int64(0); k*second/pointsPerSecond < frames%second; k++ {
		n++
	}
	for i := range p.Channels {
		p.Channels[i] = PeakChannel{Min: make([]int8, n), Max: make([]int8, n)}
	}
	return p
}

// measure sets the points of one second of audio, which may be cut short at the end of the file.
func (p Peaks) measure(l layout, second int64, data []byte) {
	frames := len(data) / l.frame()
	for k := range pointsPerSecond {
		from, to := k*l.rate/pointsPerSecond, min((k+1)*l.rate/pointsPerSecond, frames)
		if from >= frames {
			return
		}
		point := second*pointsPerSecond + int64(k)
		for c := range p.Channels {
			lo, hi := extremes(l, data, c, from, to)
			p.Channels[c].Min[point], p.Channels[c].Max[point] = lo, hi
		}
	}
}

// extremes of one channel from one frame up to another. Division, unlike a shift, takes the noise around zero for zero.
func extremes(l layout, data []byte, channel, from, to int) (lo, hi int8) {
	frame := l.frame()
	least, most := int16(32767), int16(-32768)
	switch l.encoding {
	case EncodingS16:
		for i := from*frame + 2*channel; i < to*frame; i += frame {
			v := int16(binary.LittleEndian.Uint16(data[i:]))
			least, most = min(least, v), max(most, v)
		}
	default:
		table := tablePCMU
		if l.encoding == EncodingPCMA {
			table = tablePCMA
		}
		for i := from*frame + channel; i < to*frame; i += frame {
			v := table[data[i]]
			least, most = min(least, v), max(most, v)
		}
	}
	if least > most { // no frame: the rate is below the number of points
		return 0, 0
	}
	return int8(least / 256), int8(most / 256)
}
