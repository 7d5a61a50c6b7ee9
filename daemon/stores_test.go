package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"linewarden/recorder/client"
	"linewarden/storage/vault"
)

// elsewhere is an S3 store and a NATS server that belong to somebody else: reached over TCP, with keys from files.
type elsewhere struct {
	s3, nats string // addresses
	down     atomic.Bool
}

// startElsewhere starts both on a folder. While down is set nobody gets through to either.
func startElsewhere(t *testing.T, dir string) *elsewhere {
	t.Helper()
	o := &elsewhere{}
	store, err := vault.StartEmbedded(t.Context(), vault.EmbeddedConfig{
		Dir: filepath.Join(dir, "store"), Socket: filepath.Join(dir, "store", "s"), Command: []string{program, embeddedVaultName}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	o.s3 = o.forward(t, "unix", strings.TrimPrefix(store.Config().Endpoint, "unix:"))
	for name, secret := range map[string]string{"access": store.Config().AccessKey, "secret": store.Config().SecretKey} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ns, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: filepath.Join(dir, "js"), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	o.nats = o.forward(t, "tcp", ns.Addr().String())
	return o
}

// forward passes connections to an address on, unless it is down, which also breaks those that are there.
func (o *elsewhere) forward(t *testing.T, network, address string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() { // ends when the listener is closed
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial(network, address)
			if err != nil || o.down.Load() {
				in.Close()
				continue
			}
			var once sync.Once
			end := func() { once.Do(func() { in.Close(); out.Close() }) }
			go func() { io.Copy(in, out); end() }()
			go func() { io.Copy(out, in); end() }()
			go func() { // ends within a look of the connection's end
				for !o.down.Load() && t.Context().Err() == nil {
					time.Sleep(50 * time.Millisecond)
				}
				end()
			}()
		}
	}()
	return ln.Addr().String()
}

func (o *elsewhere) config(dir, ports string) string {
	return fmt.Sprintf(`
data_dir: %[1]s/data
sip: {listen: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"], drain: 1s}
rtp: {ports: %[4]s}
api: {listen: "127.0.0.1:0", metrics: off}
s3:
  endpoint: http://%[2]s
  bucket: calls
  path_style: true
  create_bucket: true
  access_key_file: %[1]s/access
  secret_key_file: %[1]s/secret
nats:
  url: nats://%[3]s
`, dir, o.s3, o.nats, ports)
}

// TestStoresElsewhere: the company's S3 and NATS, there, away while calls come in, away at a start, and back.
func TestStoresElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := startElsewhere(t, dir)
	conf := filepath.Join(dir, "linewarden.yaml")
	if err := os.WriteFile(conf, []byte(o.config(dir, freePorts(t, 40))), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	p := restartProcess(t, conf, data)
	p.call("OUT-1")
	p.waitStored("OUT-1", 1)

	o.down.Store(true)
	p.call("OUT-2")
	p.waitStatus("a call that waits", func(s statusReport) bool { return s.Backlog.Waiting == 1 && s.Backlog.LastError != "" })
	p.signal(syscall.SIGTERM, 30*time.Second)

	p = restartProcess(t, conf, data) // with both away
	p.call("OUT-3")
	p.waitStatus("two calls that wait", func(s statusReport) bool { return s.Backlog.Waiting == 2 })
	if res, body := p.get("", "/readyz"); res.StatusCode != 200 {
		t.Errorf("a recorder whose stores are away is not ready: %s %s", res.Status, body)
	}
	o.down.Store(false)
	for _, ticket := range []string{"OUT-2", "OUT-3", "OUT-1"} {
		id := p.waitStored(ticket, 1)[0].ID
		p.audio(id)
	}
	if left := spoolEntries(t, data); len(left) > 0 {
		t.Errorf("the spool still has %v", left)
	}
}

// call places a short call.
func (p *process) call(ticket string) {
	p.t.Helper()
	if _, err := client.Place(p.t.Context(), client.Call{
		Server: p.sip["udp"], Transport: "udp", Duration: time.Second, Headers: ticketHeader(ticket),
	}); err != nil {
		p.t.Fatal(err)
	}
}

func TestNoTokenNoAnswer(t *testing.T) {
	t.Parallel()
	p := startProcess(t, 20)
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 200,
		"/v1/tickets/T/recordings": 401, "/v1/recordings/01ARZ3NDEKTSV4RRFFQ69G5FAV": 401, "/v1/status": 401, "/v1/tokens": 401,
		"/openapi.json": 401, "/v1/recordings/01ARZ3NDEKTSV4RRFFQ69G5FAV/audio": 401, "/nothing": 404,
	} {
		if res, body := p.get("", path); res.StatusCode != want {
			t.Errorf("%s without a token: %s %s, want %d", path, res.Status, body, want)
		}
	}
	agent := p.token("agent")
	for path, want := range map[string]int{"/v1/tickets/T/recordings": 200, "/v1/tokens": 403, "/openapi.json": 200} {
		if res, body := p.get(agent, path); res.StatusCode != want {
			t.Errorf("%s as agent: %s %s, want %d", path, res.Status, body, want)
		}
	}
	var tokens []accessToken
	out, _, err := p.run("token", "list", "--socket", p.socket(), "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &tokens)
	}
	if err != nil || len(tokens) != 1 || strings.Contains(out, agent) {
		t.Fatalf("token list: %v\n%s", err, out)
	}
	if _, errOut, err := p.run("token", "revoke", "--socket", p.socket(), tokens[0].ID); err != nil {
		t.Fatalf("revoke: %v\n%s", err, errOut)
	}
	if res, _ := p.get(agent, "/v1/tickets/T/recordings"); res.StatusCode != 401 {
		t.Errorf("a revoked token: %s", res.Status)
	}
	for _, secret := range []string{agent} {
		if strings.Contains(p.logged(), secret) {
			t.Error("the log holds a token")
		}
	}
}

func TestRangeOfAudio(t *testing.T) {
	t.Parallel()
	p := startProcess(t, 20)
	p.call("RANGE-1")
	id := p.waitStored("RANGE-1", 1)[0].ID
	whole := p.audio(id)
	shown, errOut, err := p.run("show", "--socket", p.socket(), id)
	var manifest struct {
		ID       string `json:"id"`
		Channels []struct{ Packets int64 }
	}
	if err == nil {
		err = json.Unmarshal([]byte(shown), &manifest)
	}
	if err != nil || manifest.ID != id || len(manifest.Channels) != 2 || manifest.Channels[0].Packets != 50 {
		t.Errorf("show: %v\n%s\n%s", err, shown, errOut)
	}
	token := p.token("agent")
	res, body := p.get(token, "/v1/recordings/"+id+"/audio", "Range", "bytes=100-299")
	if res.StatusCode != 206 || string(body) != string(whole[100:300]) || res.Header.Get("Content-Range") != fmt.Sprintf("bytes 100-299/%d", len(whole)) {
		t.Errorf("range: %s, %d bytes, %s", res.Status, len(body), res.Header.Get("Content-Range"))
	}
	if res, _ := p.get(token, "/v1/recordings/"+id+"/audio", "Range", fmt.Sprintf("bytes=%d-", len(whole)+1)); res.StatusCode != 416 {
		t.Errorf("range behind the end: %s", res.Status)
	}
}
