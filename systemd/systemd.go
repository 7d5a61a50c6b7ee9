// Package systemd tells the service manager how the daemon is doing, and holds the unit files; started by hand,
// it does nothing. When to tell what is left to the daemon.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// maxStatus in bytes bounds the line that systemctl status shows: it is for people.
const maxStatus = 256

// Notify sends assignments such as "READY=1" in one message to the manager, as sd_notify(3) does. It returns nil
// when no manager listens.
func Notify(state ...string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" || len(state) == 0 {
		return nil
	}
	// A path, or with a leading "@" a name in the abstract name space; vsock is for whole virtual machines.
	if name[0] != '/' && name[0] != '@' {
		return errors.New("notify service manager: NOTIFY_SOCKET is neither a path nor an abstract name")
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify service manager: %w", err)
	}
	_, err = conn.Write([]byte(strings.Join(state, "\n")))
	if err := errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("notify service manager: %w", err)
	}
	return nil
}

// Ready says that the start is done.
func Ready() error { return Notify("READY=1") }

// Stopping says that the daemon takes nothing new.
func Stopping() error { return Notify("STOPPING=1") }

// Status shows one line to whoever asks systemctl status. It must not name anyone: it is logged.
func Status(line string) error {
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F { // A line break would start another assignment.
			return ' '
		}
		return r
	}, line)
	if len(line) > maxStatus {
		line = strings.ToValidUTF8(line[:maxStatus], "")
	}
	return Notify("STATUS=" + line)
}

// Extend asks for at least so much time from now before the manager gives up on a start, reload or stop that is in
// progress. It must be repeated before that time is over.
func Extend(d time.Duration) error {
	return Notify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", max(d, 0).Microseconds()))
}
