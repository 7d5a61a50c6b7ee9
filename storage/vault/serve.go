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
	"path/filepath"

	"github.com/versity/versitygw/embedgw"
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
	in := bufio.NewReader(stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read configuration of embedded store: %w", err)
	}
	var c childConfig
	if err := json.Unmarshal(line, &c); err != nil {
		return errors.New("read configuration of embedded store: it is no JSON") // err may quote a secret
	}
	d, err := newDurable(filepath.Join(c.Dir, "objects"), filepath.Join(c.Dir, "versions"))
	if err != nil {
		return err
	}
	if err := d.dropHalfMade(); err != nil {
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with standard input, or with the process
		io.Copy(io.Discard, in)
		cancel()
	}()
	return embedgw.RunVersityGW(ctx, d, &embedgw.Config{
		RootUserAccess: c.AccessKey, RootUserSecret: c.SecretKey, Region: embeddedRegion,
		Ports: []string{socket}, SocketPerm: "0600", KeepAlive: true, Quiet: true, DisableACLs: true,
		MaxConnections: maxConnections, MaxRequests: maxRequests, MultipartMaxParts: 10_000,
	})
}
