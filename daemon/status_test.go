package main

import (
	"strings"
	"testing"
	"time"
)

func TestStatusForPeople(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	r := statusReport{
		Version: "1.2", Node: "rec-1", Sessions: 3, Draining: true, FreePorts: 40, FreeBytes: 3 << 30,
		Counters: map[string]int64{"calls_total": 12, "calls_refused_busy_total": 1, "rtp_packets_total": 900},
		Backlog:  backlogReport{Waiting: 2, Corrupt: 1, Oldest: now.Add(-90 * time.Second), LastError: "the store\nis away", FailedAt: now.Add(-5 * time.Second)},
		Vault:    []string{"the bucket keeps no versions"},
	}
	var b strings.Builder
	if err := r.print(&b, now); err != nil {
		t.Fatal(err)
	}
	want := `daemon  1.2 on rec-1, stopping: no new calls are taken
calls   3 running, 12 since the start, 1 refused
media   900 packets, 40 port pairs free
spool   3.0 GiB free, 2 recordings wait for the vault, the oldest for 1m30s
        1 recordings are not what was sealed: keep them, and look at the log
        last error, 5s ago: the store?is away
store   the bucket keeps no versions
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
