package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"linewarden/daemon/web"
	"linewarden/recorder"
	"linewarden/recorder/media"
	"linewarden/storage"
	"linewarden/storage/spool"
	"linewarden/storage/vault"
	"linewarden/systemd"
)

// daemon is the running program: every room, wired to the next.
type daemon struct {
	set settings
	log *slog.Logger

	spool    *spool.Spool
	media    *media.Engine
	recorder *recorder.Server
	archive  *storage.Archive
	web      *web.Server
	api      net.Listener

	mu sync.Mutex
	// Guarded by mu.
	embedded *vault.Embedded // nil with a store elsewhere
	notes    []string        // what the bucket cannot do
	closes   []func() error  // what to close at the end, last opened first

	failed chan error     // something the daemon cannot live without has ended
	loops  sync.WaitGroup // archive and HTTP servers; they end when stop cancels them
	cancel context.CancelFunc
}

// startDaemon brings everything up and returns when calls are taken. The order is that of the data, backwards: the archive
// before the recorder, so that what recovery finds has somewhere to go, and the listeners last.
func startDaemon(ctx context.Context, set settings, log *slog.Logger) (*daemon, error) {
	set.setLog(log)
	d := &daemon{set: set, log: log, failed: make(chan error, 1)}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.cancel = cancel
	for _, step := range []func(context.Context) error{d.openSpool, d.openArchive, d.openRecorder, d.openAPI} {
		if err := step(run); err != nil {
			return nil, errors.Join(err, d.close())
		}
	}
	return d, nil
}

// openSpool comes first: its lock keeps a second daemon out of the data directory.
func (d *daemon) openSpool(context.Context) error {
	if err := os.MkdirAll(d.set.DataDir, 0o700); err != nil {
		return fmt.Errorf("create data directory: %w", err)
	}
	sp, err := spool.Open(filepath.Join(d.set.DataDir, "spool"), spool.Options{Log: d.log})
	if err != nil {
		return fmt.Errorf("open spool: %w", err)
	}
	d.spool = sp
	d.onClose(sp.Close)
	return nil
}

// openRecorder finalises what a crash left, then takes calls.
func (d *daemon) openRecorder(context.Context) error {
	recovered, err := recorder.Recover(d.set.SIP, d.spool, d.archive.Sealed, d.tellRecovery)
	if err != nil {
		return fmt.Errorf("recover recordings: %w", err)
	}
	if recovered > 0 {
		d.log.Warn("finalised recordings that a crash had left open", "recordings", recovered)
	}
	if d.media, err = media.New(d.set.Media); err != nil {
		return fmt.Errorf("open media engine: %w", err)
	}
	d.onClose(d.media.Close)
	if d.recorder, err = recorder.Start(d.set.SIP, d.spool, d.media, d.archive.Sealed); err != nil {
		return err
	}
	d.onClose(func() error { d.recorder.Close(); return nil })
	return nil
}

// tellRecovery asks the service manager for patience while recordings of a crash are finalised.
func (d *daemon) tellRecovery(done, total int) {
	const patience = time.Minute // for one recording; the longest takes some seconds
	if err := errors.Join(systemd.Extend(patience), systemd.Status(fmt.Sprintf("Recovering recording %d of %d.", done+1, total))); err != nil {
		d.log.Warn("tell systemd of recovery", "error", err)
	}
}

// stop ends the daemon: no new calls, running calls finalised (waiting for them at most as configured, or until ctx ends),
// uploads brought to a point where the next start takes them up.
func (d *daemon) stop(ctx context.Context) error {
	d.recorder.Drain(ctx)
	return d.close()
}

// close ends what has been opened, last opened first.
func (d *daemon) close() error {
	d.cancel()
	d.loops.Wait()
	var errs []error
	for i := len(d.closes) - 1; i >= 0; i-- { // nothing opens any more
		errs = append(errs, d.closes[i]())
	}
	return errors.Join(errs...)
}

func (d *daemon) onClose(f func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closes = append(d.closes, f)
}

func (d *daemon) setVaultNotes(notes []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = notes
}

// vaultNotes are what the bucket was found not to do; empty when it does all.
func (d *daemon) vaultNotes() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.notes...)
}

// loop runs f until the daemon stops; f ending before that is fatal.
func (d *daemon) loop(ctx context.Context, what string, f func(context.Context) error) {
	d.loops.Go(func() { // ends when stop cancels ctx
		if err := f(ctx); err != nil && ctx.Err() == nil {
			select {
			case d.failed <- fmt.Errorf("%s: %w", what, err):
			default: // one reason to stop is enough
			}
		}
	})
}

// alive says whether the receive path still turns: the watchdog restarts a daemon that does not.
func (d *daemon) alive() bool {
	const stalled = 5 * time.Second // fifty sweeps
	return time.Since(d.media.Load().Swept) < stalled
}

// sipAddr is the first address that SIP is taken on over a network, udp or tcp.
func (d *daemon) sipAddr(network string) netip.AddrPort {
	for _, l := range d.recorder.Listening() {
		if l.Network == network {
			ap, _ := netip.ParseAddrPort(l.Address) // a listener's address always parses
			return ap
		}
	}
	return netip.AddrPort{}
}

// sipAddrs are all addresses that SIP is taken on, for people.
func (d *daemon) sipAddrs() string {
	var all []string
	for _, l := range d.recorder.Listening() {
		all = append(all, l.Network+" "+l.Address)
	}
	return strings.Join(all, ", ")
}

// url is where the console is.
func (d *daemon) url() string { return "http://" + d.api.Addr().String() }

// socket is the path of the API's local socket.
func (d *daemon) socket() string { return d.set.API.Socket }
