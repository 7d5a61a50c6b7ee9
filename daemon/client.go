package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// connection says how a subcommand reaches the daemon: over the local socket, where the peer's user id decides what is allowed,
// or over the network with a token.
type connection struct {
	Socket    string `help:"API socket of a daemon on this machine (default: looked for)." placeholder:"PATH"`
	Server    string `help:"API of a daemon elsewhere, such as https://recorder.example.net:8443." placeholder:"URL"`
	TokenFile string `help:"File with the token for --server (or set LINEWARDEN_TOKEN)." type:"path" placeholder:"FILE"`
}

// apiClient talks to a daemon's API.
type apiClient struct {
	base  string
	token string
	http  *http.Client
}

func (c connection) client() (*apiClient, error) {
	if c.Server == "" {
		return c.local()
	}
	u, err := url.Parse(c.Server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, usageError{fmt.Errorf("--server %q is no http or https URL", c.Server)}
	}
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	return &apiClient{base: strings.TrimSuffix(c.Server, "/"), token: token, http: &http.Client{}}, nil
}

// token reads the token from where a process list does not show it.
func (c connection) token() (string, error) {
	if c.TokenFile == "" {
		if token := os.Getenv("LINEWARDEN_TOKEN"); token != "" {
			return token, nil
		}
		return "", usageError{errors.New("--server needs a token: --token-file, or LINEWARDEN_TOKEN in the environment")}
	}
	b, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (c connection) local() (*apiClient, error) {
	path, err := c.findSocket()
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return dialUnix(ctx, path) }
	return &apiClient{
		base: "http://linewarden",
		http: &http.Client{Transport: &http.Transport{DialContext: dial}},
	}, nil
}

// findSocket looks where serve puts its socket: the runtime directory of the service, then the data directory here.
func (c connection) findSocket() (string, error) {
	if c.Socket != "" {
		return c.Socket, nil
	}
	candidates := []string{filepath.Join(defaultDataDir(), socketName), filepath.Join("/run/linewarden", socketName)}
	if dir := os.Getenv("RUNTIME_DIRECTORY"); dir != "" {
		candidates = append([]string{filepath.Join(dir, socketName)}, candidates...)
	}
	for _, path := range candidates {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no daemon found on this machine (looked for %s); start one with \"linewarden serve\", or name it with --socket or --server",
		strings.Join(candidates, " and "))
}

// do sends a request and decodes a JSON answer into out, unless out is nil. Errors say what the daemon said.
func (a *apiClient) do(ctx context.Context, method, path string, in, out any) error {
	res, err := a.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("read answer of %s: %w", path, err)
	}
	return nil
}

// send sends a request and returns a successful response; the caller closes its body.
func (a *apiClient) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	res, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reach the daemon: %w", err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, problem(res)
	}
	return res, nil
}

// problem is the error that an RFC 9457 document describes.
func problem(res *http.Response) error {
	const most = 64 << 10 // more is no problem document
	var p struct{ Title, Detail string }
	if err := json.NewDecoder(io.LimitReader(res.Body, most)).Decode(&p); err != nil || p.Title == "" {
		return fmt.Errorf("the daemon answered %s", res.Status)
	}
	if p.Detail == "" {
		return errors.New(p.Title)
	}
	return fmt.Errorf("%s: %s", p.Title, p.Detail)
}
