package systemd

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Watchdog tells the manager that the daemon lives, twice in the time that it allows, as long as alive says so. It
// returns nil at once when no watchdog is set for this process, otherwise when ctx is done. A message that could
// not be sent is tried again with the next; the last such error is returned.
//
// alive must not block: while it does, nothing is sent, and the manager restarts the daemon.
func Watchdog(ctx context.Context, alive func() bool) error {
	limit, err := watchdogLimit()
	if err != nil || limit == 0 {
		return err
	}
	ticker := time.NewTicker(limit / 2)
	defer ticker.Stop()
	var failed error
	for {
		if alive() {
			if err := Notify("WATCHDOG=1"); err != nil {
				failed = err
			}
		}
		select {
		case <-ctx.Done():
			return failed
		case <-ticker.C:
		}
	}
}

// watchdogLimit returns how long the manager waits for a sign of life; 0 means for ever.
func watchdogLimit() (time.Duration, error) {
	value := os.Getenv("WATCHDOG_USEC")
	if value == "" {
		return 0, nil
	}
	// A child inherits the variables, but the watchdog is its parent's.
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	micros, err := strconv.ParseUint(value, 10, 53)
	if err != nil || micros < 2 {
		return 0, fmt.Errorf("read WATCHDOG_USEC: %q is no number of microseconds", value)
	}
	return time.Duration(micros) * time.Microsecond, nil
}
