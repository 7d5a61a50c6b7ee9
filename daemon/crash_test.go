package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"linewarden/recorder/client"
)

// placed is a call that a test has placed in the background.
type placed struct {
	out client.Outcome
	err error
}

// place begins a call to an address and returns when its media runs.
func place(t *testing.T, p *process, ticket string, length time.Duration) <-chan placed {
	t.Helper()
	done := make(chan placed, 1)
	go func() { // ends with the call, which ends with the test's context at the latest
		out, err := client.Place(t.Context(), client.Call{
			Server: p.sip["udp"], Transport: "udp", Duration: length, Seed: 5, Headers: ticketHeader(ticket),
			Caller: "+15550142", Callee: "+15550199",
		})
		done <- placed{out, err}
	}()
	p.waitPackets(50)
	return done
}

// waitPackets waits until the daemon has written some packets.
func (p *process) waitPackets(n int64) {
	p.t.Helper()
	p.waitStatus("packets", func(s statusReport) bool { return s.Counters["rtp_packets_total"] >= n })
}

func (p *process) waitStatus(what string, done func(statusReport) bool) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		out, errOut, err := p.run("status", "--socket", p.socket(), "--json")
		if err != nil {
			p.t.Fatalf("status: %v\n%s", err, errOut)
		}
		var s statusReport
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			p.t.Fatal(err)
		}
		if done(s) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waited 30 s for %s; status is %s", what, out)
		}
	}
}

func TestKillDuringCallLosesAtMostASecond(t *testing.T) {
	t.Parallel()
	p := startProcess(t, 20)
	began := time.Now()
	call := place(t, p, "KILL-1", 20*time.Second)
	time.Sleep(2 * time.Second)
	spoken := time.Since(began)
	p.signal(syscall.SIGKILL, 10*time.Second)

	again := restartProcess(t, p.conf, p.dir)
	found := again.waitStored("KILL-1", 1)
	if got := time.Duration(found[0].DurationMS) * time.Millisecond; got < spoken-2*time.Second {
		t.Errorf("%v of about %v were kept, and a second may be lost", got, spoken)
	}
	channels := channelsOf(t, again.audio(found[0].ID))
	out := (<-call).out // it has gone on talking to nobody
	for leg, channel := range channels {
		if len(channel) < 8000 || !bytes.HasPrefix(trimSilence(out.Sent[leg]), trimSilence(channel)[:4000]) {
			t.Errorf("leg %d: what was kept is not the beginning of what was said", leg)
		}
	}
	if !interrupted(t, again, found[0].ID) {
		t.Error("the recording does not say that it was interrupted")
	}
	if left := spoolEntries(t, p.dir); len(left) > 0 {
		t.Errorf("the spool still has %v", left)
	}
}

// trimSilence cuts silence off the beginning.
func trimSilence(b []byte) []byte { return bytes.TrimLeft(b, "\xff") }

func interrupted(t *testing.T, p *process, id string) bool {
	t.Helper()
	_, body := p.get(p.token("agent"), "/v1/recordings/"+id)
	var r struct {
		Interrupted bool `json:"interrupted"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatal(err)
	}
	return r.Interrupted
}

// spoolEntries lists what waits in the spool.
func spoolEntries(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "spool"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestTerminateFinalisesRunningCalls(t *testing.T) {
	t.Parallel()
	p := startProcess(t, 20)
	call := place(t, p, "TERM-1", 60*time.Second)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // within the second that it waits for calls to end
	_, err := client.Place(t.Context(), client.Call{Server: p.sip["udp"], Transport: "udp", Duration: time.Second})
	var refused *client.RefusedError
	if !errors.As(err, &refused) || refused.Status != 503 || refused.RetryAfter == 0 {
		t.Errorf("call while draining: %v, want 503 with Retry-After", err)
	}
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		t.Fatal("daemon still runs 30 s after SIGTERM")
	}
	if p.err != nil {
		t.Errorf("daemon ended with %v", p.err)
	}
	if c := <-call; !c.out.HungUp {
		t.Errorf("the client was not told: %v", c.err)
	}
	found := restartProcess(t, p.conf, p.dir).waitStored("TERM-1", 1)
	if found[0].DurationMS < 800 {
		t.Errorf("%d ms were kept", found[0].DurationMS)
	}
}

// embeddedPid finds the embedded store's process: the child of one of the daemon's threads. 0 while there is none.
func embeddedPid(p *process) int {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for _, name := range lists {
		b, err := os.ReadFile(name)
		if fields := strings.Fields(string(b)); err == nil && len(fields) > 0 {
			pid, _ := strconv.Atoi(fields[0]) // the kernel writes numbers
			return pid
		}
	}
	return 0
}

func TestStoreKilledDuringUploads(t *testing.T) {
	t.Parallel()
	p := startProcess(t, 40)
	const calls = 6
	ended := make(chan error, calls)
	for i := range calls {
		go func() { // ends with the call
			_, err := client.Place(t.Context(), client.Call{
				Server: p.sip["tcp"], Transport: "tcp", Duration: time.Second, Seed: int64(i), Headers: ticketHeader("S3-KILL"),
			})
			ended <- err
		}()
	}
	stop := make(chan struct{})
	killed := make(chan int, 1)
	go func() { // ends when stop is closed
		kills := 0
		for {
			select {
			case <-stop:
				killed <- kills
				return
			case <-time.After(20 * time.Millisecond):
				if pid := embeddedPid(p); pid != 0 && syscall.Kill(pid, syscall.SIGKILL) == nil {
					kills++
				}
			}
		}
	}()
	for range calls {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	p.waitStatus("an upload that fails", func(s statusReport) bool { return s.Backlog.LastError != "" })
	close(stop)
	if n := <-killed; n == 0 {
		t.Error("the store was never killed")
	}
	for _, r := range p.waitStored("S3-KILL", calls) {
		sum := sha256.Sum256(p.audio(r.ID))
		if hex.EncodeToString(sum[:]) != r.SHA256 {
			t.Errorf("%s is not what was recorded", r.ID)
		}
	}
	p.waitStatus("an empty backlog", func(s statusReport) bool { return s.Backlog.Waiting == 0 })
	if left := spoolEntries(t, p.dir); len(left) > 0 {
		t.Errorf("the spool still has %v", left)
	}
}

func TestCatalogIsRebuilt(t *testing.T) {
	t.Parallel()
	p := startProcess(t, 20)
	for _, ticket := range []string{"R-1", "R-2"} {
		if _, err := client.Place(t.Context(), client.Call{Server: p.sip["udp"], Transport: "udp", Duration: time.Second, Headers: ticketHeader(ticket)}); err != nil {
			t.Fatal(err)
		}
	}
	id := p.waitStored("R-1", 1)[0].ID
	p.waitStored("R-2", 1)
	for _, args := range [][]string{{"link", id, "--ticket", "R-3"}, {"link", id, "--ticket", "R-2"}, {"unlink", id, "--ticket", "R-2"}} {
		if _, errOut, err := p.run(append(args, "--socket", p.socket())...); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, errOut)
		}
	}
	token := p.token("agent")
	p.audio(id)
	before := p.everything(token)

	if _, errOut, err := p.run("reindex", "--socket", p.socket()); err != nil {
		t.Fatalf("reindex: %v\n%s", err, errOut)
	}
	if after := p.everything(token); after != before {
		t.Errorf("after reindex:\n%s\nwant\n%s", after, before)
	}
	p.signal(syscall.SIGTERM, 20*time.Second)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Remove(filepath.Join(p.dir, "catalog.db"+suffix))
	}
	again := restartProcess(t, p.conf, p.dir)
	again.waitStored("R-2", 1)
	if after := again.everything(token); after != before {
		t.Errorf("after the file was deleted:\n%s\nwant\n%s", after, before)
	}
}

// everything is all that the API says of the tickets of TestCatalogIsRebuilt. The token is one from before.
func (p *process) everything(token string) string {
	p.t.Helper()
	var all strings.Builder
	for _, ticket := range []string{"R-1", "R-2", "R-3"} {
		res, body := p.get(token, "/v1/tickets/"+ticket+"/recordings")
		all.WriteString(res.Status + " " + string(body))
	}
	return all.String()
}
