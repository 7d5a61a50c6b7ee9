package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDemo follows the README: one command, in an empty folder.
func TestDemo(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(program, "demo")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("demo: %v\n%s", err, out)
	}
	for _, want := range []string{"all hung up", "stored", "Looking for ticket T-1001", "the same; written to", "What to try next"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the demo does not say %q:\n%s", want, out)
		}
	}
	wav, err := os.ReadFile(filepath.Join(cmd.Dir, "demo-T-1001.wav"))
	if err != nil {
		t.Fatal(err)
	}
	for leg, channel := range channelsOf(t, wav) {
		if spoken := len(channel) - strings.Count(string(channel), "\xff"); spoken < 8000 {
			t.Errorf("leg %d has %d samples that are not silence", leg, spoken)
		}
	}
	if left, err := os.ReadDir(strings.TrimPrefix(cmd.Env[len(cmd.Env)-1], "TMPDIR=")); err != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind, %v", left, err)
	}
}

// TestServiceManagerIsTold: READY when calls are taken, STOPPING when no more are.
func TestServiceManagerIsTold(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "200000")
	p := startProcess(t, 10)
	told := func(want string) {
		t.Helper()
		b := make([]byte, 4096)
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		for {
			n, err := conn.Read(b)
			if err != nil {
				t.Fatalf("the manager was not told %s: %v", want, err)
			}
			if strings.Contains(string(b[:n]), want) {
				return
			}
		}
	}
	told("READY=1")
	if res, body := p.get("", "/readyz"); res.StatusCode != 200 {
		t.Errorf("ready, and /readyz says %s %s", res.Status, body)
	}
	told("WATCHDOG=1")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	told("WATCHDOG=1") // it lives on
	p.signal(syscall.SIGTERM, 20*time.Second)
	told("STOPPING=1")
}
