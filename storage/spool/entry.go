package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Names of an entry's own files.
const (
	nameJournal  = "journal.jsonl"
	nameLog      = "media.rtplog"
	nameManifest = "manifest.json"
	nameSeal     = "seal.json"
)

// ErrSealed says that an entry takes nothing new since it is sealed.
var ErrSealed = errors.New("entry is sealed")

// Entry is what becomes one archived recording. Its methods may be called from any goroutine.
type Entry struct {
	id    string
	spool *Spool
	log   atomic.Pointer[Log] // nil until Log is called

	mu sync.Mutex
	// Guarded by mu, which is held while the disk works.
	journalEnd int64    // end of the last whole line
	journalErr error    // a failed sync, after which nothing that the file says can be relied on
	parts      []string // made by CreatePart since the entry was opened
	sealed     bool
}

// ID is the recording's id.
func (e *Entry) ID() string { return e.id }

// Dir is the entry's folder.
func (e *Entry) Dir() string { return filepath.Join(e.spool.dir, e.id) }

func (e *Entry) path(name string) string { return filepath.Join(e.Dir(), name) }

// Log is the entry's packet log. It is opened by the first call; when that fails the log drops what it gets, and its Err
// says why.
func (e *Entry) Log() *Log {
	if l := e.log.Load(); l != nil {
		return l
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.log.Load(); l != nil {
		return l
	}
	l := &Log{entry: e}
	if err := e.openLogLocked(l); err != nil {
		l.refuse(fmt.Errorf("open packet log: %w", err))
	}
	e.log.Store(l)
	return l
}

func (e *Entry) openLogLocked(l *Log) error {
	if e.sealed {
		return ErrSealed
	}
	if err := l.open(e.path(nameLog)); err != nil {
		return err
	}
	return e.spool.register(l)
}

// Packets reads the packet log from its start, as often as it is called. It includes what was appended before the call, even
// what a full disk did not take yet, skips what is damaged, and ends at a torn tail. An error of fn ends it and is returned.
func (e *Entry) Packets(fn func(Packet) error) error {
	f, err := os.Open(e.path(nameLog))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open packet log: %w", err)
	}
	defer f.Close()
	var r io.Reader = f
	if l := e.log.Load(); l != nil {
		if end, rest, open := l.unwritten(); open {
			r = io.MultiReader(io.LimitReader(f, end), bytes.NewReader(rest))
		}
	}
	report, err := ReadLog(r, fn)
	if report.Damaged > 0 {
		e.spool.count(func(c *Counters) { c.DamagedBytes += uint64(report.Damaged) })
		e.spool.log.Warn("packet log is damaged; the damaged bytes are skipped", "rec", e.id, "bytes", report.Damaged)
	}
	return err
}

// CreatePart makes a file that Seal will vouch for, or empties the one that an earlier attempt left.
func (e *Entry) CreatePart(name string) (*os.File, error) {
	if !validPart(name) {
		return nil, fmt.Errorf("create part: %q is no name for one", name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sealed {
		return nil, fmt.Errorf("create part: %w", ErrSealed)
	}
	f, err := os.OpenFile(e.path(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create part: %w", err)
	}
	if !slices.Contains(e.parts, name) {
		e.parts = append(e.parts, name)
	}
	return f, nil
}

// validPart takes plain file names that are none of the entry's own.
func validPart(name string) bool {
	switch name {
	case nameJournal, nameLog, nameManifest, nameSeal:
		return false
	}
	return name != "" && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/\x00")
}

// Remove takes the entry out of the spool. It may be called again, and finishes what an earlier call or a crash left.
func (e *Entry) Remove() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.log.Load(); l != nil {
		l.abandon()
	}
	s := e.spool
	gone := filepath.Join(s.dir, prefixRemoved+e.id)
	if err := os.RemoveAll(gone); err != nil { // what an earlier call left
		return fmt.Errorf("remove entry: %w", err)
	}
	// COMMIT: a crash before the rename leaves the entry whole, after it what Open sweeps. The sync keeps a half deleted
	// folder from coming back under its old name.
	if err := os.Rename(e.Dir(), gone); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove entry: %w", err)
	}
	s.crash("remove: renamed")
	if err := s.root.Sync(); err != nil {
		return fmt.Errorf("remove entry: sync spool: %w", err)
	}
	s.mu.Lock()
	if s.entries[e.id] == e {
		delete(s.entries, e.id)
	}
	s.mu.Unlock()
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("remove entry: %w", err)
	}
	return nil
}
