package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxBuffered in bytes is what a log holds in memory while the disk stands still: about 13 s of a call of two G.711
	// streams. 4,000 such calls then hold a gigabyte, and what follows is dropped and counted.
	maxBuffered = 256 << 10
	// keepBuffered in bytes is the size up to which a buffer is used again. A bigger one is a stall's, and is given back.
	keepBuffered = 32 << 10
)

// Log appends packets to an entry's packet log. Append only copies to memory; one goroutine of the spool writes, and
// another syncs, so that no receiver ever waits for the disk.
type Log struct {
	entry *Entry

	mu sync.Mutex
	// Guarded by mu, which is never held over a system call.
	buf     []byte // records that nobody has begun to write
	dropped uint64
	err     error // the first
	broken  bool  // a group commit failed: what the file holds can no longer be vouched for
	closed  bool

	disk sync.Mutex // held while writing; always taken before mu
	// Guarded by disk.
	file    *os.File // nil before open and after the end
	end     int64    // where the next byte goes
	writing []byte   // taken from buf; not empty between calls only after a failed write, which is done again
	ended   error    // what the last sync said
}

// open opens the file, and cuts what a crash has left behind the last whole record.
func (l *Log) open(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	report, err := ReadLog(f, func(Packet) error { return nil })
	if err == nil && report.Torn > 0 {
		err = f.Truncate(report.Whole)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.disk.Lock()
	defer l.disk.Unlock()
	l.file, l.end = f, report.Whole
	if l.end == 0 {
		l.writing = appendLogHeader(l.writing)
	}
	return nil
}

// refuse makes of this a log that drops everything, since it could not be opened.
func (l *Log) refuse(err error) {
	l.disk.Lock()
	defer l.disk.Unlock()
	if l.file != nil { // the spool was closed meanwhile
		err = errors.Join(err, l.file.Close())
		l.file = nil
	}
	l.ended = err
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed, l.err = true, err
}

// Append adds a packet, which it copies. It never waits for the disk: when that stands still for so long that the buffer is
// full, packets are dropped and counted, as is what cannot be a datagram.
func (l *Log) Append(stream uint16, kind Kind, at time.Time, packet []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(packet) == 0 || len(packet) > maxPacket || len(l.buf)+recordHeader+len(packet) > maxBuffered {
		l.dropped++
		return
	}
	l.buf = appendRecord(l.buf, stream, kind, at, packet)
}

// Dropped is the number of packets that were not taken.
func (l *Log) Dropped() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// Err is the first error of opening, writing or syncing. A failed write is tried again until it succeeds, so that Dropped
// tells what it has cost; a failed sync is final.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// fail remembers the first error. It reports whether err is that.
func (l *Log) fail(err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return false
	}
	l.err = err
	return true
}

// flush writes what is in memory.
func (l *Log) flush() error {
	l.disk.Lock()
	defer l.disk.Unlock()
	return l.flushLocked()
}

// flushLocked expects disk.
func (l *Log) flushLocked() error {
	if l.file == nil {
		return nil
	}
	for range 2 { // first what an earlier write left, then what has come since
		if len(l.writing) == 0 {
			l.swap()
		}
		if len(l.writing) == 0 {
			return nil
		}
		if _, err := l.file.WriteAt(l.writing, l.end); err != nil {
			l.failWrite(err)
			return fmt.Errorf("write packet log: %w", err)
		}
		l.entry.spool.crash("log: written")
		l.entry.spool.wrote()
		l.end += int64(len(l.writing))
		l.writing = l.writing[:0]
		if cap(l.writing) > keepBuffered {
			l.writing = nil
		}
	}
	return nil
}

// unwritten writes what can be written, and returns where that ends and a copy of what follows it. It is not open when the log
// has ended: then all is in the file.
func (l *Log) unwritten() (end int64, rest []byte, open bool) {
	l.disk.Lock()
	defer l.disk.Unlock()
	if l.file == nil {
		return 0, nil, false
	}
	_ = l.flushLocked() // an error is kept by the log, and told by its Err
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end, slices.Concat(l.writing, l.buf), true
}

func (l *Log) swap() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf, l.writing = l.writing, l.buf
}

func (l *Log) failWrite(err error) {
	s := l.entry.spool
	s.count(func(c *Counters) { c.WriteErrors++ })
	if l.fail(fmt.Errorf("write packet log: %w", err)) {
		s.log.Error("write packet log; it is tried again", "rec", l.entry.id, "error", err)
	}
}

// Close takes no more packets, and writes and syncs those it has. When writing fails they stay in memory and Close may be
// called again; a failed sync is final.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()

	l.disk.Lock()
	defer l.disk.Unlock()
	if l.file == nil {
		return l.ended
	}
	if err := l.flushLocked(); err != nil {
		return err
	}
	err := l.file.Sync()
	if err == nil && l.isBroken() {
		err = errSyncLost
	}
	if err := errors.Join(err, l.file.Close()); err != nil {
		l.ended = fmt.Errorf("sync packet log: %w", err)
		l.fail(l.ended)
	}
	l.file = nil
	l.entry.spool.unregister(l)
	return l.ended
}

// abandon closes the file without another word, when what is in memory is not wanted any more.
func (l *Log) abandon() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.disk.Lock()
	defer l.disk.Unlock()
	if l.file != nil {
		_ = l.file.Close() // it is not going to be read
		l.file = nil
		l.entry.spool.unregister(l)
	}
}

// flushLoop writes what packets have left in memory, one log after the other: they share a disk, so more hands would not
// make it faster.
func (s *Spool) flushLoop(ctx context.Context) {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			for _, l := range s.openLogs() {
				_ = l.flush() // an error is kept by the log, and told by its Err
			}
		}
	}
}
