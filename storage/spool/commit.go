package spool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// errSyncLost says that a group commit failed while a log was open. The kernel tells of lost pages once, and for the whole
// file system, so that any log may be the one that lost some.
var errSyncLost = errors.New("an earlier sync failed and may have lost packets")

// commitLoop makes durable every so often what has been written to all logs.
func (s *Spool) commitLoop(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.groupCommit()
		}
	}
}

// groupCommit syncs the file system of the spool, unless nothing has been written since the last time.
func (s *Spool) groupCommit() {
	if !s.takeUnsynced() {
		return
	}
	start := time.Now()
	err := unix.Syncfs(int(s.root.Fd()))
	took := time.Since(start)
	s.count(func(c *Counters) {
		c.LongestCommit = max(c.LongestCommit, took)
		if err != nil {
			c.SyncErrors++
		}
	})
	if err == nil {
		return
	}
	s.log.Error("sync spool; packets of any running call may be lost", "error", err)
	for _, l := range s.openLogs() {
		l.breakSync(err)
	}
}

// breakSync marks the log as one that may have lost packets. It takes mu alone: the disk that failed may also stand still.
func (l *Log) breakSync(err error) {
	l.fail(fmt.Errorf("sync packet log: %w", err))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
}

func (l *Log) isBroken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

func (s *Spool) wrote() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsynced = true
}

func (s *Spool) takeUnsynced() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.unsynced
	s.unsynced = false
	return was
}

func (s *Spool) register(l *Log) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.logs[l] = struct{}{}
	return nil
}

// unregister forgets a log that has ended, and keeps its count.
func (s *Spool) unregister(l *Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.logs[l]; ok {
		delete(s.logs, l)
		s.counters.Dropped += l.Dropped()
	}
}

func (s *Spool) openLogs() []*Log {
	s.mu.Lock()
	defer s.mu.Unlock()
	logs := make([]*Log, 0, len(s.logs))
	for l := range s.logs {
		logs = append(logs, l)
	}
	return logs
}
