package audio

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// windowBytes is how much of the audio is in memory at a time: two minutes of stereo G.711. Anything older has been written
// and is read back when a packet for it comes, so that the size bounds memory and never how late a packet may be.
const windowBytes = 2 << 20

// minWindow in pages: one for each stream that is somewhere else, and a few to spare.
const minWindow = 8

// canvas is the audio of all channels, a part of it in memory and the rest in the file. Its pages are a second long.
type canvas struct {
	layout layout
	file   *os.File
	start  int64 // of the samples in the file
	frames int64
	peaks  Peaks

	window  int             // pages that may be in memory
	pages   map[int64]*page // in memory, by second
	last    *page           // the one that was painted last
	clock   int64           // counts paints, for the age of pages
	written []bool          // by second: the file has it
}

type page struct {
	second int64 // -1 of a new one
	used   int64 // canvas.clock when it was painted last
	data   []byte
}

func newCanvas(file *os.File, l layout, start, frames int64) *canvas {
	second := int64(l.rate)
	return &canvas{
		layout: l, file: file, start: start, frames: frames, peaks: newPeaks(l, frames),
		window:  max(minWindow, windowBytes/(l.rate*l.frame())),
		pages:   make(map[int64]*page),
		written: make([]bool, (frames+second-1)/second),
	}
}

// paint puts the samples of one channel at a frame. What lies outside of the canvas is cut off.
func (c *canvas) paint(channel int, at int64, samples []byte) error {
	width := int64(c.layout.width())
	if at < 0 {
		samples = samples[min(-at*width, int64(len(samples))):]
		at = 0
	}
	frame, second := c.layout.frame(), int64(c.layout.rate)
	for len(samples) >= int(width) && at < c.frames {
		p, err := c.page(at / second)
		if err != nil {
			return err
		}
		dst := p.data[int(at%second)*frame+channel*int(width):]
		n := min(len(samples)/int(width), (len(dst)+frame-1)/frame)
		if width == 1 {
			for i, b := range samples[:n] {
				dst[i*frame] = b
			}
		} else {
			for i := range n {
				dst[i*frame], dst[i*frame+1] = samples[2*i], samples[2*i+1]
			}
		}
		samples = samples[n*int(width):]
		at += int64(n)
	}
	return nil
}

// page is the page of a second, from memory, from the file, or new.
func (c *canvas) page(second int64) (*page, error) {
	c.clock++
	p := c.last
	if p == nil || p.second != second {
		p = c.pages[second]
	}
	if p == nil {
		p = c.room()
		if err := c.store(p); err != nil {
			return nil, err
		}
		p.second, p.data = second, p.data[:c.size(second)]
		if err := c.load(p); err != nil {
			return nil, err
		}
		c.pages[second] = p
	}
	p.used = c.clock
	c.last = p
	return p, nil
}

// room is a page for other use: a new one, or the one that was left alone longest when the window is full.
func (c *canvas) room() *page {
	if len(c.pages) < c.window {
		return &page{second: -1, data: make([]byte, 0, c.layout.rate*c.layout.frame())}
	}
	var oldest *page
	for _, p := range c.pages {
		if oldest == nil || p.used < oldest.used {
			oldest = p
		}
	}
	delete(c.pages, oldest.second)
	return oldest
}

// size of the page of a second in bytes.
func (c *canvas) size(second int64) int {
	rate := int64(c.layout.rate)
	return int(min(rate, c.frames-second*rate)) * c.layout.frame()
}

func (c *canvas) offset(second int64) int64 {
	return c.start + second*int64(c.layout.rate)*int64(c.layout.frame())
}

func (c *canvas) load(p *page) error {
	if !c.written[p.second] {
		fill(p.data, c.layout.silence())
		return nil
	}
	if _, err := c.file.ReadAt(p.data, c.offset(p.second)); err != nil {
		return fmt.Errorf("read audio back: %w", err)
	}
	return nil
}

func (c *canvas) store(p *page) error {
	if len(p.data) == 0 {
		return nil
	}
	if _, err := c.file.WriteAt(p.data, c.offset(p.second)); err != nil {
		return fmt.Errorf("write audio: %w", err)
	}
	c.written[p.second] = true
	c.peaks.measure(c.layout, p.second, p.data)
	return nil
}

// finish writes what is in memory, and silence wherever nothing was painted.
func (c *canvas) finish() error {
	var silence []byte
	for second, written := range c.written {
		p := c.pages[int64(second)]
		switch {
		case p != nil:
		case written || c.layout.silence() == 0: // a hole in the file reads as zeros
			continue
		default:
			if silence == nil {
				silence = bytes.Repeat([]byte{c.layout.silence()}, c.layout.rate*c.layout.frame())
			}
			p = &page{second: int64(second), data: silence[:c.size(int64(second))]}
		}
		if err := c.store(p); err != nil {
			return err
		}
	}
	c.pages = nil
	return nil
}

// prepare empties the file, writes the header and sets the file to its final length, with the padding that RIFF wants
// behind an odd number of bytes.
func prepare(file *os.File, header []byte, data int64) error {
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("empty audio file: %w", err)
	}
	if _, err := file.WriteAt(header, 0); err != nil {
		return fmt.Errorf("write audio header: %w", err)
	}
	if err := file.Truncate(int64(len(header)) + data + data%2); err != nil {
		return fmt.Errorf("size audio file: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind audio file: %w", err)
	}
	return nil
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
