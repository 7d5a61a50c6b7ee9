package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// syncObject syncs a file and every folder above it up to the root.
func (d *durable) syncObject(path string) error {
	for ; len(path) >= len(d.root); path = filepath.Dir(path) {
		if err := d.sync(path); err != nil {
			return fmt.Errorf("sync object: %w", err)
		}
	}
	return nil
}

// syncPath syncs a file or folder. One that was replaced or deleted meanwhile needs no sync.
func syncPath(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// synced syncs the file system after something rare has succeeded.
func (d *durable) synced(err error) error {
	if err != nil {
		return err
	}
	if err := d.syncAll(); err != nil {
		return fmt.Errorf("sync file system: %w", err)
	}
	return nil
}

// pending counts, by name, the objects that are being published.
type pending struct {
	mu    sync.Mutex
	names map[string]int // Guarded by mu.
	ended *sync.Cond     // of mu
}

func newPending() *pending {
	p := &pending{names: make(map[string]int)}
	p.ended = sync.NewCond(&p.mu)
	return p
}

// begin counts one more until done is called.
func (p *pending) begin(name string) (done func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[name]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.names[name]--; p.names[name] == 0 {
			delete(p.names, name)
		}
		p.ended.Broadcast()
	}
}

// wait returns when no object of this name is being published.
func (p *pending) wait(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.names[name] > 0 {
		p.ended.Wait()
	}
}
