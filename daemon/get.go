package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
)

type showCmd struct {
	connection
	ID     string `arg:"" help:"Recording ID, as find prints it."`
	Reason string `help:"Why you look; it goes into the ledger." placeholder:"TEXT"`
}

// Run prints the manifest: who, when, and what became of every packet.
func (c *showCmd) Run(s *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	path := "/v1/recordings/" + url.PathEscape(c.ID) + "/manifest"
	if c.Reason != "" {
		path += "?reason=" + url.QueryEscape(c.Reason)
	}
	var raw json.RawMessage
	if err := api.do(context.Background(), "GET", path, nil, &raw); err != nil {
		return err
	}
	return printJSON(s.out, raw)
}

type getCmd struct {
	connection
	ID     string `arg:"" help:"Recording ID, as find prints it."`
	Output string `short:"o" help:"File to write; - for standard output." required:"" placeholder:"FILE"`
	Reason string `help:"Why you listen; it goes into the ledger." placeholder:"TEXT"`
}

func (c *getCmd) Run(s *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	ctx := context.Background()
	var r recording
	if err := api.do(ctx, "GET", "/v1/recordings/"+url.PathEscape(c.ID), nil, &r); err != nil {
		return err
	}
	if c.Output == "-" {
		return api.fetch(ctx, r, c.Reason, s.out)
	}
	if err := api.fetchFile(ctx, r, c.Reason, c.Output); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "Wrote %s (%d bytes, SHA-256 verified).\n", c.Output, r.Size)
	return nil
}

// fetch writes a recording's audio to w and compares it with the hash that was taken when the call ended.
func (a *apiClient) fetch(ctx context.Context, r recording, reason string, w io.Writer) error {
	path := "/v1/recordings/" + url.PathEscape(r.ID) + "/audio?download=1"
	if reason != "" {
		path += "&reason=" + url.QueryEscape(reason)
	}
	res, err := a.send(ctx, "GET", path, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, hash), res.Body); err != nil {
		return fmt.Errorf("read audio: %w", err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != r.SHA256 {
		return fmt.Errorf("audio of %s has SHA-256 %s, but %s was recorded: do not use it, and tell whoever runs the archive", r.ID, got, r.SHA256)
	}
	return nil
}

// fetchFile writes a recording's audio to a file that exists only when it is whole.
func (a *apiClient) fetchFile(ctx context.Context, r recording, reason, name string) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".linewarden-*")
	if err != nil {
		return fmt.Errorf("create output: %w", err)
	}
	defer os.Remove(tmp.Name()) // after the rename there is nothing to remove
	if err := a.fetch(ctx, r, reason, tmp); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	if err := os.Rename(tmp.Name(), name); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
