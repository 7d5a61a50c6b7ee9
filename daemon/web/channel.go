package web

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
)

// wavForm is where the samples of a WAV file are and how they lie.
type wavForm struct {
	tag      uint16
	channels int
	rate     uint32 // Hz
	width    int    // bytes of one sample
	data     int64  // offset of the first sample
	frames   int64  // samples of one channel
}

const (
	// maxChunks in front of the samples; a file of ours has four.
	maxChunks = 64
	// maxFormat of the format chunk, in bytes: the extensible form has 40.
	maxFormat = 64
)

var errNoWAV = errors.New("not a WAV file")

// parseWAV reads the head of a WAV file, RIFF or RF64 (EBU Tech 3306), of size bytes.
func parseWAV(r io.ReadSeeker, size int64) (wavForm, error) {
	var f wavForm
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return f, fmt.Errorf("read head of WAV file: %w", err)
	}
	if kind := string(head[:4]); kind != "RIFF" && kind != "RF64" || string(head[8:]) != "WAVE" {
		return f, errNoWAV
	}
	at := int64(len(head))
	for range maxChunks {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err != nil {
			return f, fmt.Errorf("read chunk of WAV file: %w", err)
		}
		at += int64(len(chunk))
		length := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "data":
			return f.withData(at, length, size)
		case "fmt ":
			if err := f.readFormat(r, length); err != nil {
				return f, err
			}
		}
		at += length + length%2
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			return f, fmt.Errorf("seek in WAV file: %w", err)
		}
	}
	return f, errNoWAV
}

func (f *wavForm) readFormat(r io.Reader, length int64) error {
	if length < 16 || length > maxFormat {
		return errNoWAV
	}
	var b [16]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return fmt.Errorf("read format of WAV file: %w", err)
	}
	le := binary.LittleEndian
	f.tag, f.channels, f.rate, f.width = le.Uint16(b[:]), int(le.Uint16(b[2:])), le.Uint32(b[4:]), int(le.Uint16(b[14:]))/8
	if f.channels == 0 || f.width == 0 || f.channels*f.width != int(le.Uint16(b[12:])) {
		return errNoWAV
	}
	return nil
}

// withData takes the samples to be what is left of the file: where a file is over 4 GiB the chunk cannot say its length.
func (f wavForm) withData(at, length, size int64) (wavForm, error) {
	if f.channels == 0 || at > size {
		return f, errNoWAV
	}
	if length != math.MaxUint32 {
		size = min(size, at+length)
	}
	f.data, f.frames = at, (size-at)/int64(f.channels*f.width)
	return f, nil
}

// channel is one channel of a WAV file, as a WAV file that is made while it is read. It is for one goroutine.
type channel struct {
	src   io.ReadSeeker
	form  wavForm
	index int
	head  []byte
	at    int64  // offset in this file
	block []byte // of frames from src
}

// blockFrames is how many frames are read at once.
const blockFrames = 8192

// newChannel cuts out a channel, counted from 0.
func newChannel(src io.ReadSeeker, size int64, index int) (*channel, error) {
	form, err := parseWAV(src, size)
	if err != nil {
		return nil, err
	}
	if index >= form.channels {
		return nil, problem(http.StatusNotFound, fmt.Sprintf("The recording has %d channels.", form.channels))
	}
	c := &channel{src: src, form: form, index: index, block: make([]byte, blockFrames*form.channels*form.width)}
	if c.head, err = form.monoHead(); err != nil {
		return nil, err
	}
	return c, nil
}

// monoHead is the head of the file with one channel.
func (f wavForm) monoHead() ([]byte, error) {
	const inside = 4 + 8 + 18 + 8 + 4 + 8 // what RIFF's length counts beside the samples
	data := f.frames * int64(f.width)
	if data+inside+1 > math.MaxUint32 {
		return nil, problem(http.StatusNotImplemented, "One channel of this recording is over 4 GiB. Take all channels, and cut it yourself.")
	}
	le := binary.LittleEndian
	h := le.AppendUint32([]byte("RIFF"), uint32(inside+data+data%2))
	h = le.AppendUint32(append(h, "WAVEfmt "...), 18)
	h = le.AppendUint16(h, f.tag)
	h = le.AppendUint16(h, 1)
	h = le.AppendUint32(h, f.rate)
	h = le.AppendUint32(h, f.rate*uint32(f.width))
	h = le.AppendUint16(h, uint16(f.width))
	h = le.AppendUint16(h, uint16(8*f.width))
	h = le.AppendUint16(h, 0) // no extension
	h = le.AppendUint32(append(h, "fact"...), 4)
	h = le.AppendUint32(h, uint32(f.frames))
	return le.AppendUint32(append(h, "data"...), uint32(data)), nil
}

// size is the length of the file in bytes, with the byte that makes its last chunk even.
func (c *channel) size() int64 {
	data := c.form.frames * int64(c.form.width)
	return int64(len(c.head)) + data + data%2
}

// Seek is io.Seeker's.
func (c *channel) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.size()
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	c.at = offset
	return offset, nil
}

// Read is io.Reader's. It may give less than fits.
func (c *channel) Read(p []byte) (int, error) {
	width := int64(c.form.width)
	samples := int64(len(c.head)) // where they begin in this file
	end := samples + c.form.frames*width
	switch {
	case len(p) == 0:
		return 0, nil
	case c.at >= c.size():
		return 0, io.EOF
	case c.at < samples:
		n := copy(p, c.head[c.at:])
		c.at += int64(n)
		return n, nil
	case c.at >= end:
		p[0] = 0 // to make it even
		c.at++
		return 1, nil
	}
	first, within := (c.at-samples)/width, (c.at-samples)%width
	frames := min((int64(len(p))+within+width-1)/width, c.form.frames-first, blockFrames)
	block := c.block[:frames*int64(c.form.channels)*width]
	if _, err := c.src.Seek(c.form.data+first*int64(c.form.channels)*width, io.SeekStart); err != nil {
		return 0, fmt.Errorf("seek in recording: %w", err)
	}
	if _, err := io.ReadFull(c.src, block); err != nil {
		return 0, fmt.Errorf("read recording: %w", err)
	}
	n := copy(p, c.gather(block)[within:])
	c.at += int64(n)
	return n, nil
}

// gather moves this channel's samples to the front of a block of frames.
func (c *channel) gather(block []byte) []byte {
	width, frame := c.form.width, c.form.channels*c.form.width
	to := 0
	for from := c.index * width; from < len(block); from += frame {
		to += copy(block[to:], block[from:from+width])
	}
	return block[:to]
}
