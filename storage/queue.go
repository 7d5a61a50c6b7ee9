package storage

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"linewarden/storage/spool"
)

// Backlog says what the archive has not done yet.
type Backlog struct {
	Waiting   int       // sealed entries that are not removed from the spool, corrupt ones included
	Corrupt   int       // entries that only a person can help; they stay in the spool
	Oldest    time.Time // when the oldest of those waiting began; zero when none waits
	LastError string    // of an attempt that failed since the last one that succeeded
	FailedAt  time.Time // when it did
}

// item is one sealed entry on its way into the vault.
type item struct {
	entry *spool.Entry
	// Guarded by the queue's mu, except that a busy item is left alone by all but the attempt.
	due      time.Time
	attempts int
	busy     bool
	corrupt  bool
}

// queue holds the sealed entries. Each has its own time of the next attempt, so that one which cannot be stored holds up
// no other.
type queue struct {
	least, most time.Duration
	wake        chan struct{} // of capacity 1: something may be due sooner than it was

	mu sync.Mutex
	// Guarded by mu.
	items    map[string]*item
	lastErr  error
	failedAt time.Time
}

func newQueue(least, most time.Duration) *queue {
	return &queue{least: least, most: most, wake: make(chan struct{}, 1), items: make(map[string]*item)}
}

// add puts an entry into the queue, unless it is there.
func (q *queue) add(e *spool.Entry) {
	q.mu.Lock()
	if q.items[e.ID()] == nil {
		q.items[e.ID()] = &item{entry: e}
	}
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it is awake
	}
}

// take is the oldest entry that is due, or else how long there is to wait; 0 means until a signal.
func (q *queue) take(now time.Time) (*item, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var oldest *item
	var wait time.Duration
	for _, it := range q.items {
		switch {
		case it.busy || it.corrupt:
		case it.due.After(now):
			if left := it.due.Sub(now); wait == 0 || left < wait {
				wait = left
			}
		case oldest == nil || it.entry.ID() < oldest.entry.ID(): // ids sort by time
			oldest = it
		}
	}
	if oldest == nil {
		return nil, wait
	}
	oldest.busy = true
	oldest.attempts++
	return oldest, 0
}

// settle takes the outcome of an attempt: the entry is done, waits for the next attempt, or is out of it as corrupt.
func (q *queue) settle(it *item, now time.Time, err error) (wait time.Duration) {
	defer q.signal()
	q.mu.Lock()
	defer q.mu.Unlock()
	it.busy = false
	if err == nil {
		delete(q.items, it.entry.ID())
		q.lastErr, q.failedAt = nil, time.Time{}
		return 0
	}
	q.lastErr, q.failedAt = err, now
	it.corrupt = errors.Is(err, errCorrupt)
	wait = backoff(it.attempts, q.least, q.most)
	it.due = now.Add(wait)
	return wait
}

func (q *queue) backlog() Backlog {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := Backlog{Waiting: len(q.items), FailedAt: q.failedAt}
	if q.lastErr != nil {
		b.LastError = q.lastErr.Error()
	}
	for id, it := range q.items {
		if it.corrupt {
			b.Corrupt++
			continue
		}
		if at, err := idTime(id); err == nil && (b.Oldest.IsZero() || at.Before(b.Oldest)) {
			b.Oldest = at
		}
	}
	return b
}

// backoff is the pause before the next attempt: doubled with each one up to most, and drawn from the upper half of that, so
// that what failed together does not come back together.
func backoff(attempts int, least, most time.Duration) time.Duration {
	d := least
	for i := 1; i < attempts && d < most; i++ {
		d *= 2
	}
	d = min(d, most)
	return d/2 + rand.N(d/2+1)
}
