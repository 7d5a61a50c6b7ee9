package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"time"

	"linewarden/daemon/web"
)

// openAPI serves the API and the console on TCP, and the API on the local socket.
func (d *daemon) openAPI(ctx context.Context) error {
	var err error
	d.web, err = web.New(web.Config{
		Archive: d.archive, Version: versionString(), Group: d.set.API.Group, SocketRole: web.Role(d.set.API.Role),
		Ready: d.lacking, Status: d.status, Log: d.log,
	})
	if err != nil {
		return err
	}
	if d.api, err = net.Listen("tcp", d.set.API.Listen); err != nil {
		return fmt.Errorf("listen for the API: %w; api.listen chooses another address", err)
	}
	d.loop(ctx, "serve API", func(ctx context.Context) error { return d.web.Serve(ctx, d.api, d.web.Handler()) })
	local, err := listenUnix(d.socket(), 0o660)
	if err != nil {
		return err
	}
	d.giveToGroup(d.socket())
	d.loop(ctx, "serve local socket", func(ctx context.Context) error { return d.web.Serve(ctx, local, d.web.LocalHandler()) })
	if d.set.API.Metrics == "" {
		return nil
	}
	return d.openMetrics(ctx)
}

// giveToGroup lets the configured unix group use the socket. Without the right to change it, or without such a group, the socket
// is for root and our own user.
func (d *daemon) giveToGroup(socket string) {
	g, err := user.LookupGroup(d.set.API.Group)
	if err != nil {
		return
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return
	}
	if err := os.Chown(socket, -1, gid); err != nil {
		d.log.Debug("give local socket to group", "group", d.set.API.Group, "error", err)
	}
}

// lacking names what keeps the daemon from doing its work. A store that is away does not: the spool bridges it.
func (d *daemon) lacking() []string {
	var lacking []string
	if d.recorder.Draining() {
		lacking = append(lacking, "stopping")
	}
	if !d.alive() {
		lacking = append(lacking, "receive path")
	}
	if free, _, err := d.spool.Free(); err != nil || free < d.set.SIP.MinFree {
		lacking = append(lacking, "spool space")
	}
	return lacking
}

// statusReport is what "linewarden status" shows.
type statusReport struct {
	Version   string           `json:"version"`
	Node      string           `json:"node"`
	Sessions  int              `json:"sessions"`
	Draining  bool             `json:"draining"`
	Counters  map[string]int64 `json:"counters"`
	FreePorts int              `json:"free_ports"`
	FreeBytes int64            `json:"spool_free_bytes"`
	Backlog   backlogReport    `json:"backlog"`
	Vault     []string         `json:"vault_notes"`
}

type backlogReport struct {
	Waiting   int       `json:"waiting"`
	Corrupt   int       `json:"corrupt"`
	Oldest    time.Time `json:"oldest,omitzero"`
	LastError string    `json:"last_error,omitempty"`
	FailedAt  time.Time `json:"failed_at,omitzero"`
}

func (d *daemon) status() any {
	free, _, err := d.spool.Free()
	if err != nil {
		d.log.Warn("look at spool's disk", "error", err)
	}
	b := d.archive.Backlog()
	return statusReport{
		Version: versionString(), Node: d.set.SIP.Node, Sessions: d.recorder.Active(), Draining: d.recorder.Draining(),
		Counters: d.counters(), FreePorts: d.media.Free(), FreeBytes: free, Vault: d.vaultNotes(),
		Backlog: backlogReport{Waiting: b.Waiting, Corrupt: b.Corrupt, Oldest: b.Oldest, LastError: b.LastError, FailedAt: b.FailedAt},
	}
}
