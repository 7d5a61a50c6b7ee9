package vault

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

const (
	embeddedRegion = "us-east-1"
	embeddedBucket = "recordings"
	// startLimit bounds how long a child may take until it answers; it takes some tens of milliseconds.
	startLimit = 30 * time.Second
	// stopLimit is how long a child may finish requests before it is killed.
	stopLimit = 5 * time.Second
	// A child that dies is started again after restartMin, then after ever longer, up to restartMax.
	restartMin = 100 * time.Millisecond
	restartMax = 10 * time.Second
)

// EmbeddedConfig says where the embedded store keeps its data, and what to run as its process.
type EmbeddedConfig struct {
	Dir     string   // of objects, versions and keys
	Socket  string   // path; its length does not matter
	Command []string // of a process that calls ServeEmbedded
	Log     *slog.Logger
}

// Embedded is the embedded store: a child process that is kept running.
type Embedded struct {
	c    EmbeddedConfig
	keys keys
	stop context.CancelFunc
	done chan struct{}

	mu  sync.Mutex
	pid int // Guarded by mu. 0 while no child runs.
}

// keys of the one account.
type keys struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// StartEmbedded starts the store and returns when it answers. A child that dies is started again until Close.
func StartEmbedded(ctx context.Context, c EmbeddedConfig) (*Embedded, error) {
	for _, path := range []*string{&c.Dir, &c.Socket} { // the child changes its working directory
		abs, err := filepath.Abs(*path)
		if err != nil {
			return nil, fmt.Errorf("find folder of embedded store: %w", err)
		}
		*path = abs
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create folder of embedded store: %w", err)
	}
	keys, err := loadKeys(filepath.Join(c.Dir, "keys.json"))
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.Background())
	e := &Embedded{c: c, keys: keys, stop: stop, done: make(chan struct{})}
	failed := make(chan error, 1)
	go e.keepRunning(run, failed) // ends with Close
	if err := e.waitAnswer(ctx, failed); err != nil {
		return nil, errors.Join(fmt.Errorf("start embedded store: %w", err), e.Close())
	}
	return e, nil
}

// Config is how a Client reaches the store.
func (e *Embedded) Config() Config {
	return Config{
		Endpoint: "unix:" + e.c.Socket, Region: embeddedRegion, Bucket: embeddedBucket, PathStyle: true,
		AccessKey: e.keys.AccessKey, SecretKey: e.keys.SecretKey,
	}
}

// Pid of the child; 0 while none runs.
func (e *Embedded) Pid() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pid
}

func (e *Embedded) setPid(pid int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pid = pid
}

// Close stops the child and waits for its end.
func (e *Embedded) Close() error {
	e.stop()
	<-e.done
	return nil
}

// waitAnswer returns when the store answers a request that is signed with its keys.
func (e *Embedded) waitAnswer(ctx context.Context, failed <-chan error) error {
	const look = 5 * time.Millisecond
	client, err := New(e.Config())
	if err != nil {
		return err
	}
	defer client.anon.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		_, err := client.s3.BucketExists(ctx, client.bucket)
		if err == nil {
			return nil
		}
		select {
		case err := <-failed: // at the first start nobody waits for a second
			return err
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(look):
		}
	}
}

// keepRunning runs one child after the other until ctx ends.
func (e *Embedded) keepRunning(ctx context.Context, failed chan<- error) {
	defer close(e.done)
	for wait := restartMin; ; wait = min(2*wait, restartMax) {
		began := time.Now()
		err := e.runChild(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		select {
		case failed <- err:
		default: // only the first is waited for
		}
		if time.Since(began) > restartMax {
			wait = restartMin
		}
		e.c.Log.Error("embedded store ended; it is started again", "in", wait, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// runChild runs a child until it ends or ctx does. Closing its standard input tells it to stop.
func (e *Embedded) runChild(ctx context.Context) error {
	cmd := exec.Command(e.c.Command[0], e.c.Command[1:]...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("make pipe to embedded store: %w", err)
	}
	line, err := json.Marshal(childConfig{Dir: e.c.Dir, Socket: e.c.Socket, AccessKey: e.keys.AccessKey, SecretKey: e.keys.SecretKey})
	if err != nil {
		return fmt.Errorf("encode configuration of embedded store: %w", err)
	}
	// The child of a daemon that was killed may still answer here for a moment. Without its socket only the new one does.
	if err := os.Remove(e.c.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove socket of an earlier store: %w", err)
	}
	complaints := &lines{log: e.c.Log, level: slog.LevelWarn}
	cmd.Stdout, cmd.Stderr = &lines{log: e.c.Log, level: slog.LevelDebug}, complaints
	if err := cmd.Start(); err != nil {
		return err
	}
	e.setPid(cmd.Process.Pid)
	defer e.setPid(0)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the child
	_, unread := stdin.Write(append(line, '\n'))
	if unread == nil {
		select {
		case err := <-ended:
			return complaints.explain(err)
		case <-ctx.Done():
		}
	}
	stdin.Close()
	select {
	case err = <-ended:
	case <-time.After(stopLimit):
		cmd.Process.Kill()
		err = <-ended
	}
	return complaints.explain(errors.Join(unread, err))
}

// loadKeys reads the keys, or makes them the first time.
func loadKeys(name string) (k keys, err error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		k = keys{AccessKey: rand.Text(), SecretKey: rand.Text() + rand.Text()}
		return k, writeKeys(name, k)
	}
	if err != nil {
		return k, fmt.Errorf("read keys of embedded store: %w", err)
	}
	if err := json.Unmarshal(b, &k); err != nil || k.AccessKey == "" || k.SecretKey == "" {
		return k, fmt.Errorf("read keys of embedded store: %s cannot be read; move it away to have new ones made", name)
	}
	return k, nil
}

func writeKeys(name string, k keys) error {
	b, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("make keys of embedded store: %w", err)
	}
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make keys of embedded store: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(name+".new", name)
	}
	if err == nil {
		err = syncPath(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("make keys of embedded store: %w", err)
	}
	return nil
}
