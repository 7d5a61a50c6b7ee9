// Package spool keeps what a session captures on disk, and makes it survive a crash, until the vault has it. What the
// bytes mean, and when an entry may go, it leaves to others.
//
// A spool is a folder, and an entry a folder in it that is named by the recording's id:
//
//	<id>/journal.jsonl    notes, a line each; the first is the opening
//	<id>/media.rtplog     packets as they came
//	<id>/<part>           finished files
//	<id>/manifest.json    what is in the entry; a part as well
//	<id>/seal.json        sizes and hashes of all parts; its presence says that the entry is sealed
//	new-<id>/             an entry that Create has not acknowledged
//	removed-<id>/         an entry that Remove has taken out
//	quarantine/           entries that cannot be read; nothing here is ever deleted
//
// Any other name is somebody else's and is left alone.
package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

const (
	// flushEvery is how often what packets left in memory is written: a crash of the process loses no more than this.
	// Writing less often costs fewer system calls; 250 ms of a call of two G.711 streams is 5 KB.
	flushEvery = 250 * time.Millisecond
	// defaultSyncEvery bounds what a power cut loses. One syncfs for all calls is nearly free, an fsync for each is not.
	defaultSyncEvery = time.Second
)

const (
	prefixNew     = "new-"
	prefixRemoved = "removed-"
)

// ErrLocked says that another process has the spool open.
var ErrLocked = errors.New("spool is in use by another process")

// ErrClosed says that the spool has been closed.
var ErrClosed = errors.New("spool is closed")

// Options of a spool. The zero value is good.
type Options struct {
	Log       *slog.Logger
	SyncEvery time.Duration // pause between group commits; 0 is a second

	crash func(point string) // lets a test end the process at a named point
}

// Spool is an open spool. Its methods may be called from any goroutine.
type Spool struct {
	dir   string
	root  *os.File // the folder itself: it carries the lock, and tells syncfs which file system
	log   *slog.Logger
	crash func(point string)

	cancel context.CancelFunc
	loops  sync.WaitGroup

	listing sync.Mutex // held by Entries: one reader of the folder at a time

	mu sync.Mutex
	// Guarded by mu.
	closed   bool
	entries  map[string]*Entry // every entry that was handed out and not removed
	logs     map[*Log]struct{} // open for appending
	unsynced bool              // something was written since the last group commit began
	counters Counters
}

// Counters count what went wrong since Open, and what it cost.
type Counters struct {
	Quarantined   uint64        // entries that could not be read and were put aside
	Unreadable    uint64        // entries that were skipped since reading them failed for a reason that may pass
	DamagedBytes  uint64        // of packet logs, skipped between whole records
	WriteErrors   uint64        // failed writes to packet logs
	SyncErrors    uint64        // failed group commits
	Dropped       uint64        // packets that did not reach the disk
	LongestCommit time.Duration // of all group commits
}

// Open opens the spool in dir, which it creates when it is missing. One process may have a spool open.
func Open(dir string, o Options) (*Spool, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.SyncEvery <= 0 {
		o.SyncEvery = defaultSyncEvery
	}
	if o.crash == nil {
		o.crash = func(string) {}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find spool: %w", err)
	}
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("create spool: %w", err)
	}
	root, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Spool{
		dir: dir, root: root, log: o.Log, crash: o.crash, cancel: cancel,
		entries: make(map[string]*Entry), logs: make(map[*Log]struct{}),
	}
	if err := s.sweep(); err != nil {
		root.Close()
		return nil, fmt.Errorf("sweep spool: %w", err)
	}
	s.loops.Go(func() { s.flushLoop(ctx) })               // ends with ctx, which Close cancels
	s.loops.Go(func() { s.commitLoop(ctx, o.SyncEvery) }) // ends with ctx, which Close cancels
	return s, nil
}

// lockDir opens dir and locks it for this process. The kernel lets go of the lock when the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	root, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	if err := unix.Flock(int(root.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		root.Close()
		if err == unix.EWOULDBLOCK {
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("lock spool: %w", err)
	}
	return root, nil
}

// sweep deletes what is no entry: one that was never acknowledged, or one that was removed.
func (s *Spool) sweep() error {
	list, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, d := range list {
		id, isNew := strings.CutPrefix(d.Name(), prefixNew)
		id, isRemoved := strings.CutPrefix(id, prefixRemoved)
		if isNew == isRemoved || !validID(id) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.dir, d.Name())); err != nil {
			s.log.Warn("delete leftover of an entry", "rec", id, "error", err)
		}
	}
	return nil
}

// Close writes and syncs what is still in memory, and lets go of the folder. Entries must not be used any more.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.loops.Wait()
	var errs []error
	for _, l := range s.openLogs() {
		if err := l.Close(); err != nil {
			errs = append(errs, err)
			l.abandon()
		}
	}
	if err := s.root.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close spool: %w", err))
	}
	return errors.Join(errs...)
}

// Create makes an entry. When it returns the entry is on disk, with opening as the first note of its journal.
func (s *Spool) Create(id string, at time.Time, opening any) (*Entry, error) {
	if !validID(id) {
		return nil, fmt.Errorf("create entry: %q is no ULID", id)
	}
	line, err := encodeOpening(id, at, opening)
	if err != nil {
		return nil, fmt.Errorf("create entry: %w", err)
	}
	if s.isClosed() {
		return nil, fmt.Errorf("create entry: %w", ErrClosed)
	}
	if err := s.create(id, line); err != nil {
		return nil, fmt.Errorf("create entry: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[id]
	if !ok { // Entries may have been faster
		e = &Entry{id: id, spool: s, journalEnd: int64(len(line))}
		s.entries[id] = e
	}
	return e, nil
}

func (s *Spool) create(id string, line []byte) (err error) {
	temp, final := filepath.Join(s.dir, prefixNew+id), filepath.Join(s.dir, id)
	if err := os.Mkdir(temp, 0o700); err != nil { // exclusive: of two with the same id one fails
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(temp) // what stays behind is swept by the next Open
		}
	}()
	s.crash("create: folder")
	if err := writeSynced(filepath.Join(temp, nameJournal), line); err != nil {
		return err
	}
	s.crash("create: journal")
	if err := syncDir(temp); err != nil {
		return err
	}
	// COMMIT: a crash before the rename leaves a folder that Open sweeps, after it an open entry. Rename refuses when there
	// is a folder of that name.
	if err := os.Rename(temp, final); err != nil {
		return err
	}
	s.crash("create: renamed")
	if err := s.root.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync spool: %w", err), os.Rename(final, temp))
	}
	return nil
}

// Free is the room on the spool's file system that this process may use. File systems that make inodes as they need them, such
// as btrfs, report none at all: they have enough.
func (s *Spool) Free() (bytes, inodes int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return 0, 0, fmt.Errorf("read free space: %w", err)
	}
	if inodes = int64(st.Ffree); st.Files == 0 {
		inodes = math.MaxInt64
	}
	return int64(st.Bavail) * st.Bsize, inodes, nil
}

// Counters are the counts up to now.
func (s *Spool) Counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counters
	for l := range s.logs {
		c.Dropped += l.Dropped()
	}
	return c
}

func (s *Spool) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Spool) count(change func(c *Counters)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.counters)
}

// validID takes ULIDs in their one canonical spelling, so that no two names mean the same entry.
func validID(id string) bool {
	u, err := ulid.ParseStrict(id)
	return err == nil && u.String() == id
}

// makeDir makes a folder and what is missing above it, all of it durable.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}
