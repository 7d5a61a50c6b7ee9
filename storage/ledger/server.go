package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	defaultHost = "127.0.0.1"
	defaultPort = 4222
	// readyLimit bounds the time from the start of the listener, which comes last, until it takes connections.
	readyLimit = 10 * time.Second
)

// ServerConfig says where the embedded server keeps its data and listens.
type ServerConfig struct {
	Dir  string
	Host string // "": 127.0.0.1
	Port int    // 0: 4222; -1: any that is free
	Log  *slog.Logger
}

// Server is the embedded NATS server. It syncs every message to disk before it acknowledges it, and is started again when it
// cannot write any more. Its methods may be called from any goroutine.
type Server struct {
	// Set by StartServer.
	dir, host     string
	port          int
	log           *slog.Logger
	daemon, abuse credentials

	closing chan struct{}  // closed by Close
	watched sync.WaitGroup // the goroutine of watch

	mu     sync.Mutex
	server *server.Server // Guarded by mu. Another one after each start.
}

// StartServer starts the server and returns when it takes connections.
func StartServer(c ServerConfig) (*Server, error) {
	s := &Server{
		dir: c.Dir, host: cmp.Or(c.Host, defaultHost), port: cmp.Or(c.Port, defaultPort), log: orDiscard(c.Log),
		closing: make(chan struct{}),
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("create folder of NATS server: %w", err)
	}
	var err error
	if s.daemon, err = loadCredentials(s.dir, userDaemon); err != nil {
		return nil, err
	}
	if s.abuse, err = loadCredentials(s.dir, userAbuse); err != nil {
		return nil, err
	}
	if err := probePort(s.host, s.port); err != nil {
		return nil, err
	}
	if s.server, err = s.start(); err != nil {
		return nil, err
	}
	s.port = s.server.Addr().(*net.TCPAddr).Port
	if err := s.writeURL(); err != nil {
		stop(s.server)
		return nil, err
	}
	s.watched.Go(s.watch) // ends with Close
	return s, nil
}

// start starts a server on our files.
func (s *Server) start() (*server.Server, error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	ns, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("start NATS server: %w", err)
	}
	log := &serverLog{log: s.log}
	ns.SetLoggerV2(log, false, false, false)
	ns.Start() // reads the ledger's files first
	if log.fatalError() != nil || !ns.ReadyForConnections(readyLimit) {
		stop(ns)
		return nil, fmt.Errorf("start NATS server: %w", cmp.Or(log.fatalError(), errNotReady))
	}
	return ns, nil
}

// stop returns when the server's files are closed.
func stop(ns *server.Server) {
	ns.Shutdown()
	ns.WaitForShutdown()
}

// current is the server that runs, or the last one that did.
func (s *Server) current() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server
}

var errNotReady = errors.New("it takes no connections")

// writeURL writes into the users' files where the server is.
func (s *Server) writeURL() error {
	url := s.URL()
	for _, c := range []*credentials{&s.daemon, &s.abuse} {
		if c.URL == url {
			continue
		}
		c.URL = url
		if err := c.write(s.dir); err != nil {
			return err
		}
	}
	return nil
}

// probePort says in words that a port is taken: the server itself would only log it.
func probePort(host string, port int) error {
	if port < 0 {
		return nil
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d of %s is taken, by another NATS server perhaps: nats.listen chooses another port, "+
			"nats.url uses a server that runs already", port, host)
	}
	if err != nil {
		return fmt.Errorf("listen for NATS, as nats.listen says: %w", err)
	}
	return ln.Close()
}

// URL is where clients connect.
func (s *Server) URL() string { return s.current().ClientURL() }

// CredentialsFile is the file with the name and password of a user, "daemon" or "abuse": a context for the command nats.
func (s *Server) CredentialsFile(user string) string { return filepath.Join(s.dir, user+".json") }

// Connect connects as the user daemon, within the process.
func (s *Server) Connect(name string) (*nats.Conn, error) {
	opts := append(connOptions(name, s.log), nats.InProcessServer(s), nats.UserInfo(userDaemon, s.daemon.Password),
		nats.ReconnectWait(startRetry))
	nc, err := nats.Connect("", opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS server: %w", err)
	}
	return nc, nil
}

// InProcessConn is for the NATS client: it connects, without a socket, to the server that runs now.
func (s *Server) InProcessConn() (net.Conn, error) { return s.current().InProcessConn() }

// Close stops the server and waits until its files are closed.
func (s *Server) Close() {
	close(s.closing)
	s.watched.Wait()
	stop(s.current())
}
