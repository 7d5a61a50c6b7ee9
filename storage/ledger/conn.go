package ledger

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// pingEvery is how often a connection that is silent is tried; one that leaves pingsOut unanswered is made again.
	pingEvery = 20 * time.Second
	pingsOut  = 2
)

// ConnConfig says how to reach a NATS server or cluster elsewhere. Secrets are files.
type ConnConfig struct {
	URL       string // one or several, separated by commas
	CredsFile string
	CAFile    string
	CertFile  string
	KeyFile   string
	Name      string
	Log       *slog.Logger
}

// Connect connects to a server elsewhere. A server that is away, or that does not let us in, is no error: calls must be
// recorded meanwhile. The connection is made when it can be, and made again for ever.
func Connect(c ConnConfig) (*nats.Conn, error) {
	for u := range strings.SplitSeq(c.URL, ",") {
		if p, err := url.Parse(strings.TrimSpace(u)); err != nil || p.Host == "" {
			return nil, errors.New("connect to NATS: an address is no URL such as tls://nats.example.net:4222") // it may hold a secret
		}
	}
	opts := append(connOptions(c.Name, c.Log), nats.RetryOnFailedConnect(true))
	if c.CredsFile != "" {
		opts = append(opts, nats.UserCredentials(c.CredsFile))
	}
	if c.CAFile != "" {
		opts = append(opts, nats.RootCAs(c.CAFile))
	}
	if c.CertFile != "" {
		opts = append(opts, nats.ClientCert(c.CertFile, c.KeyFile))
	}
	nc, err := nats.Connect(c.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return nc, nil
}

// connOptions are what every connection of ours has.
func connOptions(name string, log *slog.Logger) []nats.Option {
	log = orDiscard(log)
	var failures atomic.Int64 // since the connection was last there
	return []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a server may be taught our name later
		// What is sent while the connection is away fails at once. Held back, it would be sent long after its sender gave up and
		// tried again.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsOut),
		nats.ConnectHandler(func(*nats.Conn) { log.Info("NATS is connected") }),
		nats.ReconnectHandler(func(*nats.Conn) {
			failures.Store(0)
			log.Info("NATS is connected again")
		}),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() {
				log.Warn("NATS connection is lost; recordings wait in the spool until it is back", "error", err)
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			if n := failures.Add(1); n&(n-1) == 0 { // an outage must not fill the log
				log.Warn("NATS cannot be reached; it is tried again", "attempts", n, "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Error("NATS connection", "error", err) }),
	}
}
