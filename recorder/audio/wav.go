package audio

import "encoding/binary"

// WAV format tags, RFC 2361 and before it the Microsoft multimedia registry.
const (
	tagPCM  = 1
	tagALaw = 6
	tagULaw = 7
)

// maxRIFF is what the 32-bit sizes of RIFF can say. All ones means, in RF64, that the real size is in the ds64 chunk.
const maxRIFF = 0xFFFFFFFF

// layout is the form of the samples in the file.
type layout struct {
	encoding string
	rate     int // Hz
	channels int
}

// width of a sample in bytes.
func (l layout) width() int {
	if l.encoding == EncodingS16 {
		return 2
	}
	return 1
}

// frame is the bytes of one sample of all channels.
func (l layout) frame() int { return l.channels * l.width() }

func (l layout) tag() uint16 {
	switch l.encoding {
	case EncodingPCMU:
		return tagULaw
	case EncodingPCMA:
		return tagALaw
	}
	return tagPCM
}

// silence is a sample of silence.
func (l layout) silence() byte {
	switch l.encoding {
	case EncodingPCMU:
		return silencePCMU
	case EncodingPCMA:
		return silencePCMA
	}
	return 0
}

// header is all of the file in front of the samples. A RIFF chunk over limit is written as RF64 (EBU Tech 3306).
func (l layout) header(frames, limit int64) []byte {
	le := binary.LittleEndian
	data := frames * int64(l.frame())
	chunks := l.formatChunk()
	if l.tag() != tagPCM { // any other format needs a fact chunk
		chunks = append(chunks, "fact"...)
		chunks = le.AppendUint32(chunks, 4)
		chunks = le.AppendUint32(chunks, uint32(min(frames, maxRIFF)))
	}
	riff := 4 + int64(len(chunks)) + 8 + data + data%2
	var h []byte
	if riff > limit {
		riff += 36
		h = append(h, "RF64\xFF\xFF\xFF\xFFWAVEds64"...)
		h = le.AppendUint32(h, 28)
		h = le.AppendUint64(h, uint64(riff))
		h = le.AppendUint64(h, uint64(data))
		h = le.AppendUint64(h, uint64(frames))
		h = le.AppendUint32(h, 0) // no table of other big chunks
		data = maxRIFF
	} else {
		h = append(h, "RIFF"...)
		h = le.AppendUint32(h, uint32(riff))
		h = append(h, "WAVE"...)
	}
	h = append(h, chunks...)
	h = append(h, "data"...)
	return le.AppendUint32(h, uint32(data))
}

func (l layout) formatChunk() []byte {
	le := binary.LittleEndian
	c := append([]byte(nil), "fmt "...)
	size := uint32(16)
	if l.tag() != tagPCM {
		size = 18 // with an empty extension
	}
	c = le.AppendUint32(c, size)
	c = le.AppendUint16(c, l.tag())
	c = le.AppendUint16(c, uint16(l.channels))
	c = le.AppendUint32(c, uint32(l.rate))
	c = le.AppendUint32(c, uint32(l.rate*l.frame()))
	c = le.AppendUint16(c, uint16(l.frame()))
	c = le.AppendUint16(c, uint16(8*l.width()))
	if size == 18 {
		c = le.AppendUint16(c, 0)
	}
	return c
}
