package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"
)

// recording is a recording as the API describes it; only what the subcommands show.
type recording struct {
	ID         string    `json:"id"`
	State      string    `json:"state"`
	StartedAt  time.Time `json:"started_at"`
	DurationMS int64     `json:"duration_ms"`
	Channels   int       `json:"channels"`
	Caller     string    `json:"caller"`
	Callee     string    `json:"callee"`
	SHA256     string    `json:"sha256"`
	Size       int64     `json:"size"`
}

type findCmd struct {
	connection
	Ticket string `help:"Ticket to look for." required:"" placeholder:"TICKET"`
	JSON   bool   `help:"Print JSON."`
}

func (c *findCmd) Run(s *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := api.do(context.Background(), "GET", "/v1/tickets/"+url.PathEscape(c.Ticket)+"/recordings", nil, &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, raw)
	}
	var found []recording
	if err := json.Unmarshal(raw, &found); err != nil {
		return fmt.Errorf("read list of recordings: %w", err)
	}
	if len(found) == 0 {
		fmt.Fprintf(s.err, "No recording is linked to ticket %s. A call shows here a few seconds after it ends; \"linewarden link\" puts a ticket on one by hand.\n", c.Ticket)
		return nil
	}
	return printRecordings(s.out, found)
}

func printRecordings(w io.Writer, found []recording) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tSTARTED\tLENGTH\tCALLER\tCALLEE\tSTATE")
	for _, r := range found {
		length := (time.Duration(r.DurationMS) * time.Millisecond).Round(time.Second)
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.StartedAt.Local().Format(time.DateTime), length, dash(r.Caller), dash(r.Callee), r.State)
	}
	return t.Flush()
}

// dash stands for what is not known, and keeps control characters that a caller chose off the terminal.
func dash(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s
}

func printJSON(w io.Writer, raw json.RawMessage) error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
