package storage

import (
	"fmt"
	"io"
)

const (
	// blockSize in bytes is how much of an object is held while it is read. Two chunks of age: the header and the first
	// chunk, or any chunk that lies across two blocks, come from one request.
	blockSize = 2 * (64<<10 + 16)
	// tailSize in bytes is what is read of the end of an object without giving up the place in it: age looks at the last
	// chunk before it believes an object's length.
	tailSize = 64<<10 + 16
)

// ranged reads an object of the vault at any offset, and sends as few requests as it can: while it is read in order one
// request stays open. It is for one goroutine.
type ranged struct {
	open func(offset int64) (io.ReadCloser, error)
	size int64

	// The block is what was read last, the body goes on where it ends.
	block []byte
	start int64 // offset of the block
	body  io.ReadCloser

	tail []byte // the end of the object once it was read; it does not change
}

// ReadAt is io.ReaderAt's.
func (r *ranged) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read object: negative offset")
	}
	n := 0
	for n < len(p) {
		if off >= r.size {
			return n, io.EOF
		}
		have, err := r.at(off)
		if err != nil {
			return n, err
		}
		c := copy(p[n:], have)
		n += c
		off += int64(c)
	}
	return n, nil
}

// at is what is known from off on: one byte at least.
func (r *ranged) at(off int64) ([]byte, error) {
	tailStart := max(0, r.size-tailSize)
	end := r.start + int64(len(r.block))
	switch {
	case off >= r.start && off < end:
		return r.block[off-r.start:], nil
	case off >= tailStart && r.tail != nil:
		return r.tail[off-tailStart:], nil
	case off == end && r.body != nil:
		if r.next() == nil {
			return r.block, nil
		}
		// The connection broke: once more below, with a new one.
	case off >= tailStart:
		if err := r.readTail(tailStart); err != nil {
			return nil, err
		}
		return r.tail[off-tailStart:], nil
	}
	if err := r.seek(off); err != nil {
		return nil, err
	}
	return r.block, nil
}

// seek leaves the place in the object and begins another request at off.
func (r *ranged) seek(off int64) error {
	r.Close() // an answer that is not read to its end may well end with an error
	body, err := r.open(off)
	if err != nil {
		return err
	}
	r.body, r.start, r.block = body, off, r.block[:0]
	return r.next()
}

// next reads the block that follows.
func (r *ranged) next() error {
	r.start += int64(len(r.block))
	n := min(blockSize, r.size-r.start)
	if int64(cap(r.block)) < n {
		r.block = make([]byte, n)
	}
	got, err := io.ReadFull(r.body, r.block[:n])
	r.block = r.block[:got]
	if err != nil {
		r.block = r.block[:0]
		r.Close() // what broke the connection is told
		return fmt.Errorf("read object: %w", short(err))
	}
	return nil
}

func (r *ranged) readTail(from int64) error {
	body, err := r.open(from)
	if err != nil {
		return err
	}
	defer body.Close()
	tail := make([]byte, r.size-from)
	if _, err := io.ReadFull(body, tail); err != nil {
		return fmt.Errorf("read object: %w", short(err))
	}
	r.tail = tail
	return nil
}

// short calls an object that ends early by its name: for a reader above, EOF would be a good end.
func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Close ends the request that is open. The reader may be used again.
func (r *ranged) Close() error {
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	if err != nil {
		return fmt.Errorf("close object: %w", err)
	}
	return nil
}
