package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

type statusCmd struct {
	connection
	JSON bool `help:"Print JSON."`
}

func (c *statusCmd) Run(s *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := api.do(context.Background(), "GET", "/v1/status", nil, &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, raw)
	}
	var r statusReport
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	return r.print(s.out, time.Now())
}

// print tells a person how the daemon is.
func (r statusReport) print(w io.Writer, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "daemon\t%s on %s", r.Version, r.Node)
	if r.Draining {
		fmt.Fprint(t, ", stopping: no new calls are taken")
	}
	fmt.Fprintf(t, "\ncalls\t%d running, %d since the start, %d refused\n", r.Sessions, r.Counters["calls_total"],
		r.Counters["calls_refused_busy_total"]+r.Counters["calls_refused_body_total"])
	fmt.Fprintf(t, "media\t%d packets, %d port pairs free\n", r.Counters["rtp_packets_total"], r.FreePorts)
	fmt.Fprintf(t, "spool\t%.1f GiB free, %d recordings wait for the vault", float64(r.FreeBytes)/(1<<30), r.Backlog.Waiting)
	if !r.Backlog.Oldest.IsZero() {
		fmt.Fprintf(t, ", the oldest for %s", now.Sub(r.Backlog.Oldest).Round(time.Second))
	}
	fmt.Fprintln(t)
	if r.Backlog.Corrupt > 0 {
		fmt.Fprintf(t, "\t%d recordings are not what was sealed: keep them, and look at the log\n", r.Backlog.Corrupt)
	}
	if r.Backlog.LastError != "" {
		fmt.Fprintf(t, "\tlast error, %s ago: %s\n", now.Sub(r.Backlog.FailedAt).Round(time.Second), dash(r.Backlog.LastError))
	}
	for _, note := range r.Vault {
		fmt.Fprintf(t, "store\t%s\n", note)
	}
	return t.Flush()
}
