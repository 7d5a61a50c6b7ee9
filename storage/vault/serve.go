package vault

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/versity/versitygw/embedgw"
	"golang.org/x/sys/unix"
)

// Limits of the embedded server. Its one client is the daemon.
const (
	maxConnections = 256
	maxRequests    = 128
)

// childConfig is what the daemon tells its child, in one line on standard input: secrets never stand in arguments or in the environment.
type childConfig struct {
	Dir       string `json:"dir"`
	Socket    string `json:"socket"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// ServeEmbedded is the child's main: it serves S3 on a unix socket until standard input ends, which is when the parent
// has died or closes it, or until ctx ends. It is a process of its own since the server changes the working directory.
func ServeEmbedded(ctx context.Context, stdin io.Reader) error {
	// A signal to the whole process group, or to all of a service, is the daemon's to answer: it may still have to upload.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	in := bufio.NewReader(stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read configuration of embedded store: %w", err)
	}
	var c childConfig
	if err := json.Unmarshal(line, &c); err != nil {
		return errors.New("read configuration of embedded store: it is no JSON") // err may quote a secret
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with standard input, or with the process
		io.Copy(io.Discard, in)
		cancel()
	}()
	lock, err := lockDir(ctx, c.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	return serve(ctx, c)
}

// serve opens the objects, mends what a crash left half done, and answers until ctx ends.
func serve(ctx context.Context, c childConfig) error {
	d, err := newDurable(filepath.Join(c.Dir, "objects"), filepath.Join(c.Dir, "versions"))
	if err != nil {
		return err
	}
	if err := errors.Join(d.dropHalfMade(embeddedBucket), d.dropStaged()); err != nil {
		return err
	}
	socket, done, err := shortPath(c.Socket)
	if err != nil {
		return err
	}
	defer done()
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove socket of an earlier server: %w", err)
	}
	return embedgw.RunVersityGW(ctx, d, &embedgw.Config{
		RootUserAccess: c.AccessKey, RootUserSecret: c.SecretKey, Region: embeddedRegion,
		Ports: []string{socket}, SocketPerm: "0600", KeepAlive: true, Quiet: true, DisableACLs: true,
		MaxConnections: maxConnections, MaxRequests: maxRequests, MultipartMaxParts: 10_000,
	})
}

// lockDir waits until no other server has the folder: the one of a daemon that was killed may still be on its way out, and
// would remove the new socket when it closes its own.
func lockDir(ctx context.Context, dir string) (*os.File, error) {
	const look = 10 * time.Millisecond
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of embedded store: %w", err)
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock embedded store: %w", err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for lock of embedded store: %w", ctx.Err()), f.Close())
		case <-time.After(look):
		}
	}
}
