package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// readyLimit bounds the start of the server; recovery of a long ledger is read from disk first.
	readyLimit = 60 * time.Second
	// memoryStore bounds streams kept in memory, of which there are none.
	memoryStore = 16 << 20
)

// ServerConfig says where the embedded server keeps its data and listens.
type ServerConfig struct {
	Dir  string
	Host string
	Port int // -1: any that is free
	Log  *slog.Logger
}

// Server is the embedded NATS server. It syncs every message to disk before it acknowledges it.
type Server struct {
	server *server.Server
	users  users
	dir    string
}

// StartServer starts the server and returns when it takes connections.
func StartServer(c ServerConfig) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	users, err := loadUsers(c.Dir)
	if err != nil {
		return nil, err
	}
	if err := probePort(c.Host, c.Port); err != nil {
		return nil, err
	}
	accounts, err := users.options()
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "linewarden", Host: c.Host, Port: c.Port, Users: accounts,
		JetStream: true, StoreDir: filepath.Join(c.Dir, "jetstream"), SyncAlways: true, JetStreamMaxMemory: memoryStore,
		NoSigs: true, MaxPayload: 1 << 20,
	})
	if err != nil {
		return nil, fmt.Errorf("start NATS server: %w", err)
	}
	s.SetLoggerV2(&serverLog{c.Log}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(readyLimit) {
		s.Shutdown()
		return nil, fmt.Errorf("start NATS server: it was not ready within %v", readyLimit)
	}
	return &Server{server: s, users: users, dir: c.Dir}, nil
}

// probePort says in time, and in words, that a port is taken: the server itself only logs it.
func probePort(host string, port int) error {
	if port <= 0 {
		return nil
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listen for NATS: %w; is another NATS server on this port? nats.listen chooses another, nats.url uses that server", err)
	}
	return ln.Close()
}

// URL is where clients connect.
func (s *Server) URL() string { return s.server.ClientURL() }

// UsersFile is the file that holds the users' passwords.
func (s *Server) UsersFile() string { return filepath.Join(s.dir, usersFile) }

// Connect connects as the daemon's user, within the process.
func (s *Server) Connect(name string) (*nats.Conn, error) {
	nc, err := nats.Connect("", nats.InProcessServer(s.server), nats.Name(name), nats.UserInfo(userDaemon, s.users.Daemon),
		nats.MaxReconnects(-1))
	if err != nil {
		return nil, fmt.Errorf("connect to NATS server: %w", err)
	}
	return nc, nil
}

// Close stops the server and waits until its files are closed.
func (s *Server) Close() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

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

// Connect connects to a server elsewhere. A server that is away is no error: the connection is made when it is there, and
// made again for ever.
func Connect(c ConnConfig) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name(c.Name), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.Log.Warn("NATS connection lost; recordings wait in the spool until it is back", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { c.Log.Info("NATS connection is back") }),
	}
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

// serverLog hands on what the server logs. Its notices are of no interest here.
type serverLog struct{ log *slog.Logger }

func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *serverLog) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *serverLog) Debugf(string, ...any)           {}
func (l *serverLog) Tracef(string, ...any)           {}

func (l *serverLog) say(level slog.Level, format string, v []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, "NATS server: "+fmt.Sprintf(format, v...))
	}
}

var errUsers = errors.New("the file of NATS users cannot be read; move it away to have a new one made")
