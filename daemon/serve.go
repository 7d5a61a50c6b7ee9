package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"linewarden/configs"
	"linewarden/systemd"
)

type serveCmd struct {
	Config string `help:"Configuration file. Without one: everything embedded, on loopback, data in $STATE_DIRECTORY or ./linewarden-data." type:"path" placeholder:"FILE"`
}

// Run starts the daemon and stops it in two stages: the first SIGTERM takes nothing new, lets calls end for a while and
// finalises what runs; the second stops the waiting.
func (c *serveCmd) Run(s *streams) error {
	set, err := loadSettings(c.Config, s.err)
	if err != nil {
		return err
	}
	log := newLogger(set.Log, s.err)
	began := time.Now()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d, err := startDaemon(ctx, set, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "linewarden %s ready after %d ms: SIP on %s, console on %s\n",
		versionString(), time.Since(began).Milliseconds(), d.sipAddrs(), d.url())
	if err := errors.Join(systemd.Ready(), systemd.Status("Taking calls.")); err != nil {
		log.Warn("tell systemd that the service is ready", "error", err)
	}
	err = c.watch(ctx, d, log)
	return errors.Join(err, c.shutdown(d, log))
}

// watch returns when the daemon is told to stop, or cannot go on.
func (c *serveCmd) watch(ctx context.Context, d *daemon, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	watchdog := make(chan struct{})
	go func() { // ends with ctx
		defer close(watchdog)
		if err := systemd.Watchdog(ctx, d.alive); err != nil {
			log.Warn("keep systemd's watchdog", "error", err)
		}
	}()
	defer func() { cancel(); <-watchdog }()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-d.failed:
			return err
		case <-hup:
			c.lookAtConfig(log)
		}
	}
}

// finaliseLimit is how long finalising may take when the daemon stops: several hundred calls of an hour.
const finaliseLimit = 5 * time.Minute

// lookAtConfig says whether a changed file would do. Nothing is re-read while the daemon runs.
func (c *serveCmd) lookAtConfig(log *slog.Logger) {
	if c.Config == "" {
		log.Info("SIGHUP: there is no configuration file")
		return
	}
	if _, err := configs.Load(c.Config); err != nil {
		log.Error("SIGHUP: the configuration has problems; a restart would fail", "error", err)
		return
	}
	log.Info("SIGHUP: the configuration is right; it counts after a restart")
}

// shutdown drains the daemon. A second signal ends the wait for running calls, not their finalising.
func (c *serveCmd) shutdown(d *daemon, log *slog.Logger) error {
	told := errors.Join(systemd.Stopping(), systemd.Status("Finalising what runs."), systemd.Extend(d.set.SIP.Drain+finaliseLimit))
	if told != nil {
		log.Warn("tell systemd that the service stops", "error", told)
	}
	impatient, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	err := d.stop(impatient)
	log.Info("stopped")
	return err
}

// newLogger logs to w as the configuration says.
func newLogger(l logSettings, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.Level}
	if l.JSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
