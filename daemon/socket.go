package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// socketName is the API socket's name in the runtime or data directory.
const socketName = "api.sock"

// maxSocketPath is the longest path a socket address holds (sun_path, unix(7), less its final zero).
const maxSocketPath = 107

// listenUnix binds a unix socket, also where the path is longer than a socket address. A socket that a dead process left is
// replaced; the spool's lock has made sure by now that no other daemon uses this directory.
func listenUnix(path string, mode os.FileMode) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	short, done, err := shortPath(path)
	if err != nil {
		return nil, err
	}
	defer done()
	ln, err := net.Listen("unix", short)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if short != path {
		ln.(*net.UnixListener).SetUnlinkOnClose(false) // the short name is gone by then
	}
	if err := os.Chmod(path, mode); err != nil {
		ln.Close()
		return nil, fmt.Errorf("set mode of socket: %w", err)
	}
	return ln, nil
}

// dialUnix connects to a unix socket, also where the path is longer than a socket address.
func dialUnix(ctx context.Context, path string) (net.Conn, error) {
	short, done, err := shortPath(path)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	return d.DialContext(ctx, "unix", short)
}

// shortPath names a file through an open descriptor of its folder when its own path is too long. done closes it.
func shortPath(path string) (short string, done func(), err error) {
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, fmt.Errorf("open folder of socket: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), func() { dir.Close() }, nil
}
