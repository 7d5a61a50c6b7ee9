package storage

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"linewarden/storage/spool"
)

// sealedEntries makes sealed entries of one small part, oldest first.
func sealedEntries(t *testing.T, s *spool.Spool, n int) []*spool.Entry {
	t.Helper()
	entries := make([]*spool.Entry, n)
	for i := range entries {
		entries[i] = sealEntry(t, s, call(i))
	}
	return entries
}

func TestQueue(t *testing.T) {
	s, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	entries := sealedEntries(t, s, 3)
	q := newQueue(time.Second, time.Minute)
	now := time.Unix(1e9, 0)
	for _, i := range []int{2, 0, 1, 0} {
		q.add(entries[i])
	}
	take := func(want int) *item {
		t.Helper()
		it, _ := q.take(now)
		if it == nil || it.entry != entries[want] {
			t.Fatalf("got %v, want entry %d", it, want)
		}
		return it
	}

	poisoned, corrupt := take(0), take(1)
	q.settle(poisoned, now, errors.New("store says no"))
	q.settle(corrupt, now, fmt.Errorf("read part: %w", errCorrupt))
	if b := q.backlog(); b.Waiting != 3 || b.Corrupt != 1 || b.LastError == "" || b.Oldest.IsZero() {
		t.Errorf("got %+v", b)
	}
	q.settle(take(2), now, nil)
	it, wait := q.take(now)
	if it != nil || wait < time.Second/2 || wait > time.Second {
		t.Errorf("got %v, %v, want to wait for the poisoned entry", it, wait)
	}
	now = now.Add(wait)
	q.settle(take(0), now, nil)
	if it, wait := q.take(now.Add(time.Hour)); it != nil || wait != 0 {
		t.Errorf("got %v, %v, want nothing: a corrupt entry is not tried again", it, wait)
	}
	if b := q.backlog(); b.Waiting != 1 || b.Corrupt != 1 || b.LastError != "" {
		t.Errorf("got %+v, want the corrupt one", b)
	}
}

func TestBackoff(t *testing.T) {
	for attempts, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 7: time.Minute, 1e6: time.Minute} {
		for range 100 {
			if got := backoff(attempts, time.Second, time.Minute); got < most/2 || got > most {
				t.Errorf("after %d attempts: got %v, want between %v and %v", attempts, got, most/2, most)
			}
		}
	}
}
