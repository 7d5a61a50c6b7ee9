package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"linewarden/configs"
	"linewarden/recorder/client"
)

// What the demo does at most: how long calls last, and how long it waits for them to be stored.
const (
	demoCallLength = 5 * time.Second
	demoStoreLimit = 30 * time.Second
	demoTokenTTL   = 24 * time.Hour
)

type demoCmd struct {
	Keep bool `help:"Leave the daemon running until Ctrl-C, to look around in the console."`
}

// demoCalls are the three calls that the demo places.
func demoCalls() []client.Call {
	return []client.Call{
		{Caller: "+15550142", Callee: "+15550199", Headers: ticketHeader("T-1001"), Seed: 1, Transport: "udp"},
		{Caller: "+15550143", Callee: "+15550199", Headers: ticketHeader("T-1002"), Seed: 2, Transport: "tcp"},
		{Caller: "+4722000144", Callee: "+15550199", Headers: ticketHeader("T-1003"), Seed: 3, Transport: "udp"},
	}
}

func (c *demoCmd) Run(s *streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "linewarden-demo-")
	if err != nil {
		return fmt.Errorf("make temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)

	demo := &demo{out: s.out, err: s.err, began: time.Now()}
	demo.step("Starting a daemon with its own S3 and NATS in %s", dir)
	d, err := startDemoDaemon(ctx, dir, s.err)
	if err != nil {
		return err
	}
	defer d.stop(context.Background())
	demo.done("ready: SIP on %s, console on %s", d.sipAddrs(), d.url())

	if err := demo.run(ctx, d); err != nil {
		return err
	}
	if !c.Keep {
		demo.say("\nRun it again with --keep to open the console and listen to the calls.")
		demo.next()
		return nil
	}
	demo.say("\nThe daemon keeps running. Open the console:\n\n  %s\n  sign in with the token  %s\n  and look for ticket     T-1001\n\nCtrl-C ends it and removes its data.", d.url(), demo.token)
	demo.next()
	<-ctx.Done()
	demo.say("\nStopping.")
	return nil
}

// startDemoDaemon starts a daemon that disturbs nothing on this machine: ports that are free, data in dir.
func startDemoDaemon(ctx context.Context, dir string, logs io.Writer) (*daemon, error) {
	set, err := demoSettings(dir)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return startDaemon(ctx, set, log)
}

// demoSettings are the defaults with ports that are free.
func demoSettings(dir string) (settings, error) {
	const free = "127.0.0.1:0"
	c := configs.Default()
	c.DataDir = dir
	c.SIP.Listen = []configs.Listener{{Network: "udp", Address: free}, {Network: "tcp", Address: free}}
	c.NATS.Listen.Address, c.API.Listen.Address, c.API.Metrics.Address = free, free, ""
	set, err := translate(c, nil)
	set.API.Socket = filepath.Join(dir, socketName) // whatever service this shell belongs to
	return set, err
}

// demo tells a newcomer what happens as it happens.
type demo struct {
	out, err io.Writer
	began    time.Time
	token    string
}

func (m *demo) say(format string, a ...any)  { fmt.Fprintf(m.out, format+"\n", a...) }
func (m *demo) step(format string, a ...any) { m.say("• "+format+" …", a...) }
func (m *demo) done(format string, a ...any) {
	m.say("  %5.1fs  "+format, append([]any{time.Since(m.began).Seconds()}, a...)...)
}

// run is the main job from end to end: calls come in, are stored, and one is found by its ticket.
func (m *demo) run(ctx context.Context, d *daemon) error {
	api, err := m.signIn(ctx, d)
	if err != nil {
		return err
	}
	if err := m.placeCalls(ctx, d); err != nil {
		return err
	}
	calls := demoCalls()
	m.step("Waiting until all %d are encrypted, in the vault, read back and compared", len(calls))
	for _, c := range calls {
		if _, err := waitStored(ctx, api, c.Headers["X-Ticket-ID"]); err != nil {
			return err
		}
	}
	m.done("stored")

	m.step("Looking for ticket T-1001, as a support agent would")
	r, err := waitStored(ctx, api, "T-1001")
	if err != nil {
		return err
	}
	m.done("recording %s, %d channels, %.1f s", r.ID, r.Channels, float64(r.DurationMS)/1000)
	name, err := filepath.Abs("demo-T-1001.wav")
	if err != nil {
		return fmt.Errorf("find working directory: %w", err)
	}
	m.step("Fetching its audio and comparing the SHA-256 taken when the call ended")
	if err := api.fetchFile(ctx, r, "demo", name); err != nil {
		return err
	}
	m.done("the same; written to %s", name)
	return nil
}

// signIn makes a token of the kind support agents get.
func (m *demo) signIn(ctx context.Context, d *daemon) (*apiClient, error) {
	local, err := connection{Socket: d.socket()}.client()
	if err != nil {
		return nil, err
	}
	t, err := local.createToken(ctx, "agent", "demo", demoTokenTTL)
	if err != nil {
		return nil, err
	}
	m.token = t.Token
	agent := *local
	agent.token = t.Token
	agent.base = d.url()
	agent.http = &http.Client{}
	return &agent, nil
}

// placeCalls plays the border controller: three recording sessions at once, in real time.
func (m *demo) placeCalls(ctx context.Context, d *daemon) error {
	calls := demoCalls()
	for i := range calls {
		calls[i].Server, calls[i].Duration = d.sipAddr(calls[i].Transport), demoCallLength
	}
	m.step("Placing %d SIPREC calls of %s at once, two voices each", len(calls), demoCallLength)
	ended := make(chan error, 1)
	go func() { // ends with the calls
		_, err := placeAll(ctx, calls)
		ended <- err
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for began := time.Now(); ; {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("place calls: %w", err)
			}
			m.done("all hung up")
			return nil
		case <-tick.C:
			m.done("talking, %d of %d seconds", int(time.Since(began).Seconds()), int(demoCallLength.Seconds()))
		}
	}
}

// waitStored waits until a ticket has a recording.
func waitStored(ctx context.Context, api *apiClient, ticket string) (recording, error) {
	const look = 100 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, demoStoreLimit)
	defer cancel()
	for {
		var found []recording
		if err := api.do(ctx, "GET", "/v1/tickets/"+url.PathEscape(ticket)+"/recordings", nil, &found); err != nil {
			return recording{}, err
		}
		if len(found) > 0 && found[0].State == "stored" {
			return found[0], nil
		}
		select {
		case <-ctx.Done():
			return recording{}, errors.Join(fmt.Errorf("no recording of ticket %s was stored in time", ticket), ctx.Err())
		case <-time.After(look):
		}
	}
}

func (m *demo) next() {
	m.say(`
What to try next:
  linewarden serve                       the same daemon, with its data in ./linewarden-data
  linewarden call --ticket 4711          a call into it
  linewarden find --ticket 4711          its recording
  linewarden token create --role agent   a token for the console at http://127.0.0.1:8080
  configs/example.yaml                   your own S3, NATS, addresses and retention
  README.md                              how to point a session border controller here`)
}
