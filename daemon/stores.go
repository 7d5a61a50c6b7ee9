package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"linewarden/storage"
	"linewarden/storage/catalog"
	"linewarden/storage/ledger"
	"linewarden/storage/vault"
)

const (
	// reachLimit is how long a start waits for stores elsewhere. Calls must be taken even when they are away: the spool bridges.
	reachLimit = 5 * time.Second
	// probeRetry is the pause between attempts to probe a bucket that could not be reached.
	probeRetry = 30 * time.Second
)

// openArchive opens vault, ledger and catalog, and the archive on top of them. The two servers are started side by side.
func (d *daemon) openArchive(ctx context.Context) error {
	if err := loadKeys(d.set.Keys, &d.set.Archive); err != nil {
		return err
	}
	var bucket *vault.Client
	var led *ledger.Ledger
	var errV, errL error
	var both sync.WaitGroup
	both.Go(func() { bucket, errV = d.openVault(ctx) })
	both.Go(func() { led, errL = d.openLedger(ctx) })
	both.Wait()
	if err := errors.Join(errV, errL); err != nil {
		return err
	}
	cat, err := catalog.Open(filepath.Join(d.set.DataDir, "catalog.db"))
	if err != nil {
		return err
	}
	d.onClose(cat.Close)
	if aside := cat.SetAside(); aside != "" {
		d.log.Error("the catalog was damaged or of another version; it is rebuilt from ledger and vault", "set_aside", aside)
	}
	if d.archive, err = storage.New(d.set.Archive, bucket, led, cat, d.spool); err != nil {
		return fmt.Errorf("open archive: %w", err)
	}
	d.loop(ctx, "archive", d.archive.Run)
	return nil
}

// openVault starts the embedded store, or makes a client of another, and finds out what the bucket can do.
func (d *daemon) openVault(ctx context.Context) (*vault.Client, error) {
	config, create := d.set.Vault, d.set.CreateBucket
	if config == nil {
		e, err := d.startEmbeddedVault(ctx)
		if err != nil {
			return nil, err
		}
		c := e.Config()
		config, create = &c, true
	}
	client, err := vault.New(*config)
	if err != nil {
		return nil, err
	}
	reach, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	caps, err := d.prepareBucket(reach, client, create)
	switch {
	case err == nil:
		d.set.Archive.ObjectLock = caps.ObjectLock
		return client, nil
	case errors.Is(err, errBucketLacks) || d.set.Vault == nil:
		return nil, err
	}
	// What the purposes ask for is asked of the store until it is known to lack it: an upload fails then, and waits.
	d.log.Error("the S3 store cannot be used yet; calls are recorded and wait in the spool", "error", err)
	d.set.Archive.ObjectLock = d.needsLock()
	d.loop(ctx, "probe bucket", func(ctx context.Context) error { return d.keepProbing(ctx, client, create) })
	return client, nil
}

// errBucketLacks says that the configuration promises what the bucket cannot do.
var errBucketLacks = errors.New("a purpose has a legal_minimum, and the bucket has no Object Lock: create the bucket with Object Lock, or take the legal_minimum out")

// prepareBucket makes sure of the bucket and probes it.
func (d *daemon) prepareBucket(ctx context.Context, client *vault.Client, create bool) (vault.Capabilities, error) {
	if create {
		if err := client.EnsureBucket(ctx); err != nil {
			return vault.Capabilities{}, err
		}
	}
	caps, err := client.Probe(ctx)
	if err != nil {
		return caps, err
	}
	if !caps.ObjectLock && d.needsLock() {
		return caps, errBucketLacks
	}
	client.Use(caps)
	d.setVaultNotes(caps.Notes)
	for _, note := range caps.Notes {
		d.log.Warn("S3 store: " + note)
	}
	return caps, nil
}

// keepProbing goes on until the bucket can be used.
func (d *daemon) keepProbing(ctx context.Context, client *vault.Client, create bool) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(probeRetry):
		}
		_, err := d.prepareBucket(ctx, client, create)
		if err == nil {
			d.log.Info("the S3 store can be used")
			<-ctx.Done()
			return nil
		}
		d.log.Error("the S3 store cannot be used yet", "error", err)
	}
}

func (d *daemon) needsLock() bool {
	for _, p := range d.set.Archive.Purposes {
		if p.LegalMinimum > 0 {
			return true
		}
	}
	return false
}

func (d *daemon) startEmbeddedVault(ctx context.Context) (*vault.Embedded, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	dir := filepath.Join(d.set.DataDir, "vault")
	e, err := vault.StartEmbedded(ctx, vault.EmbeddedConfig{
		Dir: dir, Socket: filepath.Join(dir, "s3.sock"), Command: []string{exe, embeddedVaultName}, Log: d.log,
	})
	if err != nil {
		return nil, err
	}
	d.onClose(e.Close)
	d.mu.Lock()
	d.embedded = e
	d.mu.Unlock()
	return e, nil
}

// openLedger starts the embedded NATS server, or connects to another.
func (d *daemon) openLedger(ctx context.Context) (*ledger.Ledger, error) {
	reach, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	if d.set.NATS != nil {
		nc, err := ledger.Connect(*d.set.NATS)
		if err != nil {
			return nil, err
		}
		d.onClose(func() error { nc.Close(); return nil })
		return ledger.Open(reach, nc, d.set.Ledger)
	}
	server, err := ledger.StartServer(d.set.NATSServer)
	if err != nil {
		return nil, err
	}
	d.onClose(func() error { server.Close(); return nil })
	nc, err := server.Connect("linewarden")
	if err != nil {
		return nil, err
	}
	d.onClose(func() error { nc.Close(); return nil })
	return ledger.Open(reach, nc, d.set.Ledger)
}

// embeddedVaultName is the hidden subcommand that is the embedded store's process.
const embeddedVaultName = "embedded-vault"

type embeddedVaultCmd struct{}

func (embeddedVaultCmd) Run(s *streams) error {
	return vault.ServeEmbedded(context.Background(), s.in)
}
