package storage

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// served is an object whose reader counts its requests.
type served struct {
	data   []byte
	gets   int
	open   int                                       // requests not closed
	breaks func(offset int64, r io.Reader) io.Reader // nil: nothing breaks
}

func (s *served) ranged() *ranged {
	return &ranged{size: int64(len(s.data)), open: func(offset int64) (io.ReadCloser, error) {
		s.gets++
		s.open++
		var r io.Reader = bytes.NewReader(s.data[offset:])
		if s.breaks != nil {
			r = s.breaks(offset, r)
		}
		return closer{r, func() { s.open-- }}, nil
	}}
}

type closer struct {
	io.Reader
	done func()
}

func (c closer) Close() error { c.done(); return nil }

func random(n int) []byte {
	data := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	return data
}

func TestRangedSequential(t *testing.T) {
	for _, size := range []int{1, 100, tailSize, tailSize + 1, blockSize, blockSize + 1, 10*blockSize + 17} {
		s := &served{data: random(size)}
		r := s.ranged()
		got, err := io.ReadAll(iotest.OneByteReader(io.NewSectionReader(r, 0, int64(size))))
		if err != nil || !bytes.Equal(got, s.data) {
			t.Fatalf("%d bytes: got %d bytes, %v", size, len(got), err)
		}
		if s.gets > 2 {
			t.Errorf("%d bytes in order took %d requests, want 2 at most", size, s.gets)
		}
		if err := r.Close(); err != nil || s.open != 0 {
			t.Errorf("%d bytes: close: %v, %d requests are open", size, err, s.open)
		}
	}
}

func TestRangedAnywhere(t *testing.T) {
	s := &served{data: random(5*blockSize + 333)}
	r := s.ranged()
	rng := rand.New(rand.NewPCG(2, 3))
	for range 300 {
		off := rng.IntN(len(s.data) + 10)
		p := make([]byte, rng.IntN(2*blockSize))
		n, err := r.ReadAt(p, int64(off))
		want := s.data[min(off, len(s.data)):min(off+len(p), len(s.data))]
		if !bytes.Equal(p[:n], want) {
			t.Fatalf("at %d: got %d bytes, want %d, or they differ", off, n, len(want))
		}
		if (n < len(p)) != (err == io.EOF) || err != nil && err != io.EOF {
			t.Fatalf("at %d: %d of %d bytes with %v", off, n, len(p), err)
		}
	}
	r.Close()
	if s.open != 0 {
		t.Errorf("%d requests are open", s.open)
	}
}

func TestRangedBrokenConnection(t *testing.T) {
	s := &served{data: random(8 * blockSize)}
	s.breaks = func(offset int64, r io.Reader) io.Reader {
		if offset > 0 {
			return r
		}
		return io.MultiReader(io.LimitReader(r, 3*blockSize), iotest.ErrReader(errors.New("reset")))
	}
	got, err := io.ReadAll(io.NewSectionReader(s.ranged(), 0, int64(len(s.data))))
	if err != nil || !bytes.Equal(got, s.data) {
		t.Errorf("got %d bytes, %v; a connection that breaks once is made again", len(got), err)
	}
}

func TestRangedShortObject(t *testing.T) {
	s := &served{data: random(8 * blockSize)}
	s.breaks = func(offset int64, r io.Reader) io.Reader { return io.LimitReader(r, 2*blockSize-offset) }
	got, err := io.ReadAll(io.NewSectionReader(s.ranged(), 0, int64(len(s.data))))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %d bytes, %v, want %v", len(got), err, io.ErrUnexpectedEOF)
	}
}
