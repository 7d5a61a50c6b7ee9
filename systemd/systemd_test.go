package systemd

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// manager listens as systemd does, on a socket that NOTIFY_SOCKET names.
func manager(t *testing.T, name string) (next func() string) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return func() string {
		t.Helper()
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestNotify(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@linewarden-test-%d", os.Getpid())} {
		t.Run(name[:1], func(t *testing.T) {
			next := manager(t, name)
			for _, test := range []struct {
				send func() error
				want string
			}{
				{Ready, "READY=1"},
				{Stopping, "STOPPING=1"},
				{func() error { return Status("2 calls\nREADY=1") }, "STATUS=2 calls READY=1"},
				{func() error { return Status(strings.Repeat("é", 200)) }, "STATUS=" + strings.Repeat("é", 128)},
				{func() error { return Status("x" + strings.Repeat("é", 200)) }, "STATUS=x" + strings.Repeat("é", 127)},
				{func() error { return Extend(90 * time.Second) }, "EXTEND_TIMEOUT_USEC=90000000"},
				{func() error { return Extend(-time.Second) }, "EXTEND_TIMEOUT_USEC=0"},
				{func() error { return Notify("READY=1", "STATUS=up") }, "READY=1\nSTATUS=up"},
			} {
				if err := test.send(); err != nil {
					t.Fatal(err)
				}
				if got := next(); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			}
		})
	}
}

func TestNotifyWithoutManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Ready(); err != nil {
		t.Errorf("no socket named: %v", err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if err := Ready(); err == nil {
		t.Error("nobody listens: no error")
	}
	t.Setenv("NOTIFY_SOCKET", "vsock:2:1234")
	if err := Ready(); err == nil {
		t.Error("vsock: no error")
	}
}

// It pings while the daemon lives, keeps quiet while it does not, and goes on when it lives again.
func TestWatchdog(t *testing.T) {
	next := manager(t, filepath.Join(t.TempDir(), "notify"))
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	var asked atomic.Int64
	dead := make(chan struct{})
	done := make(chan error, 1)
	go func() { // Ends with ctx.
		done <- Watchdog(ctx, func() bool {
			switch n := asked.Add(1); {
			case n <= 2:
				return true
			case n < 6:
				return false
			case n == 6:
				close(dead)
			}
			return true
		})
	}()
	for range 2 {
		if got := next(); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	if got := next(); got != "WATCHDOG=1" { // Must be the one after the silence.
		t.Errorf("got %q", got)
	}
	select {
	case <-dead:
	default:
		t.Error("a ping while not alive")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A manager that is away for a moment is no reason to stop.
func TestWatchdogOutlivesErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "10000")
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	done := make(chan error, 1)
	go func() { // Ends with ctx.
		done <- Watchdog(ctx, func() bool {
			select {
			case asked <- struct{}{}:
			case <-ctx.Done():
			}
			return true
		})
	}()
	<-asked
	<-asked
	next := manager(t, path)
	<-asked
	<-asked
	if got := next(); got != "WATCHDOG=1" {
		t.Errorf("got %q", got)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("the error was not kept")
	}
}

func TestWatchdogNotSet(t *testing.T) {
	never := func() bool { t.Error("asked"); return true }
	for _, test := range []struct{ usec, pid string }{{"", ""}, {"", "1"}, {"1000000", "1"}} {
		t.Setenv("WATCHDOG_USEC", test.usec)
		t.Setenv("WATCHDOG_PID", test.pid)
		if err := Watchdog(t.Context(), never); err != nil {
			t.Errorf("%+v: %v", test, err)
		}
	}
	t.Setenv("WATCHDOG_PID", "")
	for _, usec := range []string{"0", "1", "-5", "soon", "99999999999999999999"} {
		t.Setenv("WATCHDOG_USEC", usec)
		if err := Watchdog(t.Context(), never); err == nil {
			t.Errorf("WATCHDOG_USEC=%s: no error", usec)
		}
	}
}
