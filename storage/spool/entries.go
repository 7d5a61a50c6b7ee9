package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

const nameQuarantine = "quarantine"

// Entries is everything in the spool, oldest first. An entry that cannot be read never keeps the others from being listed:
// one whose files say nonsense goes to quarantine, one that cannot be read for another reason is skipped this time.
func (s *Spool) Entries() ([]*Entry, error) {
	s.listing.Lock()
	defer s.listing.Unlock()
	list, err := os.ReadDir(s.dir) // sorted by name, and so by age
	if err != nil {
		return nil, fmt.Errorf("list spool: %w", err)
	}
	entries := make([]*Entry, 0, len(list))
	for _, d := range list {
		id := d.Name()
		if !validID(id) {
			continue
		}
		e, err := s.entry(id)
		switch bad := (damaged{}); {
		case err == nil:
			entries = append(entries, e)
		case errors.As(err, &bad):
			s.quarantine(id, bad)
		case s.exists(id): // otherwise it was removed meanwhile
			s.count(func(c *Counters) { c.Unreadable++ })
			s.log.Error("read entry; it is skipped", "rec", id, "error", err)
		}
	}
	return entries, nil
}

// entry is the entry that was handed out before, or else what is on disk.
func (s *Spool) entry(id string) (*Entry, error) {
	s.mu.Lock()
	e, ok := s.entries[id]
	s.mu.Unlock()
	if ok {
		return e, nil
	}
	e, err := s.load(id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, ok := s.entries[id]; ok { // Create was faster
		return other, nil
	}
	s.entries[id] = e
	return e, nil
}

// load reads what an entry needs to be one: the opening of its journal, and its seal if there is one.
func (s *Spool) load(id string) (*Entry, error) {
	dir := filepath.Join(s.dir, id)
	st, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, damaged{"entry is no folder"}
	}
	_, end, _, err := readJournal(filepath.Join(dir, nameJournal), id)
	if errors.Is(err, fs.ErrNotExist) && s.exists(id) {
		return nil, damaged{"entry has no journal"}
	}
	if err != nil {
		return nil, err
	}
	seal, err := readSeal(filepath.Join(dir, nameSeal), id)
	if err != nil {
		return nil, err
	}
	return &Entry{id: id, spool: s, journalEnd: end, sealed: seal != nil}, nil
}

func (s *Spool) exists(id string) bool {
	_, err := os.Lstat(filepath.Join(s.dir, id))
	return err == nil
}

// quarantine puts an entry aside for a person to look at.
func (s *Spool) quarantine(id string, why error) {
	to, err := s.moveToQuarantine(id)
	if err != nil {
		s.count(func(c *Counters) { c.Unreadable++ })
		s.log.Error("put damaged entry into quarantine; it is skipped", "rec", id, "reason", why, "error", err)
		return
	}
	s.count(func(c *Counters) { c.Quarantined++ })
	s.log.Error("damaged entry put into quarantine", "rec", id, "reason", why, "folder", to)
}

func (s *Spool) moveToQuarantine(id string) (string, error) {
	folder := filepath.Join(s.dir, nameQuarantine)
	if err := makeDir(folder); err != nil {
		return "", err
	}
	to := filepath.Join(folder, id)
	for n := 1; ; n++ { // the same id may have been put aside before
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
		to = filepath.Join(folder, id+"."+strconv.Itoa(n))
	}
	if err := os.Rename(filepath.Join(s.dir, id), to); err != nil {
		return "", err
	}
	if err := errors.Join(syncDir(folder), s.root.Sync()); err != nil {
		return "", err
	}
	return filepath.Base(to), nil
}
