// Package recorder is the session recording server (RFC 7866): it takes recording sessions over SIP, writes
// their media to the spool as it comes, and finalises each into a sealed entry. What happens to a sealed entry
// is left to package storage; what the messages say is left to recorder/siprec.
package recorder

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"golang.org/x/time/rate"

	"linewarden/recorder/media"
	"linewarden/storage/spool"
)

// Config is the run form of what may be set about calls.
type Config struct {
	Node       string // name of this daemon, in manifests
	Software   string // name and version, in manifests and in User-Agent and Server headers
	ConfigHash string // hash of the configuration in force, in manifests

	Listen    []Listen       // where SIP is taken
	TLS       *tls.Config    // for listeners of the network "tls"
	Allow     []netip.Prefix // who may send calls; others are not answered over UDP and disconnected over TCP
	Trunks    []Trunk        // names of clients by their address
	Advertise netip.Addr     // media address in answers; zero: the local address towards the client

	TicketHeaders    []string // SIP header fields that may name the ticket, first match wins
	UserToUser       bool     // whether User-to-User (RFC 7433) may name the ticket
	TicketExtensions []string // names of SIPREC extension elements that may name the ticket

	Routes      []Route
	MaxSessions int           // recording sessions at a time
	MinFree     int64         // bytes that must stay free in the spool for a new call to be taken
	MaxCall     time.Duration // end rule: a session longer than this is ended by us
	Drain       time.Duration // how long Drain waits for calls to end by themselves

	Log *slog.Logger
}

// Listen is one SIP listener.
type Listen struct {
	Network string // "udp", "tcp" or "tls"
	Address string // host:port
}

// Trunk names the clients that send from certain addresses.
type Trunk struct {
	Name string
	From []netip.Prefix
}

// maxFinalisers bounds how many entries are rendered at once, so that a burst of ends leaves the receive path its core.
const maxFinalisers = 2

// Server is the session recording server. Start makes one.
type Server struct {
	c        Config
	log      *slog.Logger
	spool    *spool.Spool
	media    *media.Engine
	sealed   func(*spool.Entry)
	Counters Counters

	ua     *sipgo.UserAgent
	client *sipgo.Client
	sip    *sipgo.Server

	strangers rate.Sometimes  // how often a refused address is logged
	listeners []boundListener // does not change after Start
	serving   sync.WaitGroup  // listener loops; they end when their socket is closed
	finishing sync.WaitGroup  // sessions and recoveries until their entry is sealed
	turn      chan struct{}   // semaphore of maxFinalisers
	stop      chan struct{}   // closed by Drain

	mu sync.Mutex
	// Guarded by mu.
	sessions map[dialogID]*Session
	invited  map[dialogID]bool // invitations that have, or are about to have, a session; local tag empty
	draining bool
}

// Start binds the SIP listeners and answers from then on. Media goes through engine into the spool; sealed is told
// of each finalised entry and must not block. The caller ends the server with Drain and then Close.
func Start(c Config, sp *spool.Spool, engine *media.Engine, sealed func(*spool.Entry)) (*Server, error) {
	s := &Server{
		c: c, log: c.Log, spool: sp, media: engine, sealed: sealed,
		sessions: make(map[dialogID]*Session), invited: make(map[dialogID]bool),
		turn: make(chan struct{}, maxFinalisers), stop: make(chan struct{}),
		strangers: rate.Sometimes{First: 3, Interval: time.Minute},
	}
	if err := s.openStack(); err != nil {
		return nil, err
	}
	for _, l := range c.Listen {
		bound, err := s.bind(l)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.listeners = append(s.listeners, bound)
	}
	s.serveAll()
	return s, nil
}

// openStack builds the SIP stack and registers what is answered.
func (s *Server) openStack() error {
	log := slog.New(stackLog{to: s.log, counters: &s.Counters, seldom: &rate.Sometimes{First: 3, Interval: time.Minute}})
	ua, err := sipgo.NewUA(
		sipgo.WithUserAgent(s.c.Software),
		sipgo.WithUserAgentParser(newParser()),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(log)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(log),
			sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) { s.Counters.StrayResponses.Add(1) })),
	)
	if err != nil {
		return fmt.Errorf("open SIP stack: %w", err)
	}
	s.ua = ua
	if s.sip, err = sipgo.NewServer(ua, sipgo.WithServerLogger(log)); err != nil {
		return fmt.Errorf("open SIP stack: %w", err)
	}
	if s.client, err = sipgo.NewClient(ua, sipgo.WithClientLogger(log)); err != nil {
		return fmt.Errorf("open SIP stack: %w", err)
	}
	s.sip.OnInvite(s.onInvite)
	s.sip.OnUpdate(s.onUpdate)
	s.sip.OnAck(s.onAck)
	s.sip.OnBye(s.onBye)
	s.sip.OnCancel(s.onCancel)
	s.sip.OnOptions(s.onOptions)
	s.sip.OnNoRoute(s.onOther)
	return nil
}

// Listening is where SIP is taken, in the order of Config.Listen, with the ports that the kernel has chosen.
func (s *Server) Listening() []Listen {
	all := make([]Listen, len(s.listeners))
	for i, l := range s.listeners {
		all[i] = Listen{Network: l.network, Address: l.addr.String()}
	}
	return all
}

// Active is how many recording sessions run.
func (s *Server) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Draining says whether new calls are refused because the server is about to stop.
func (s *Server) Draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// Drain refuses new calls from now on, waits Config.Drain (or until ctx ends) for running calls to end by
// themselves, ends the others, and returns when every entry is sealed or has been left for the next start.
func (s *Server) Drain(ctx context.Context) {
	s.mu.Lock()
	if !s.draining {
		s.draining = true
		close(s.stop)
	}
	running := len(s.sessions)
	s.mu.Unlock()
	if running > 0 {
		s.log.Info("draining", "calls", running, "wait", s.c.Drain)
	}
	s.waitIdle(ctx, s.c.Drain)
	for _, rs := range s.snapshot() {
		rs.send(eventDrain{})
	}
	s.finishing.Wait()
}

// waitIdle returns when no session runs, or after limit, or when ctx ends.
func (s *Server) waitIdle(ctx context.Context, limit time.Duration) {
	const look = 50 * time.Millisecond
	deadline := time.After(limit)
	tick := time.NewTicker(look)
	defer tick.Stop()
	for s.Active() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-deadline:
			return
		case <-tick.C:
		}
	}
}

// Close stops answering. Sessions that Drain did not end stay in the spool for the next start.
func (s *Server) Close() {
	for _, l := range s.listeners {
		if err := l.close(); err != nil {
			s.log.Warn("close SIP listener", "network", l.network, "error", err)
		}
	}
	s.serving.Wait()
	if s.ua != nil {
		s.ua.Close()
	}
}

func (s *Server) snapshot() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Session, 0, len(s.sessions))
	for _, rs := range s.sessions {
		all = append(all, rs)
	}
	return all
}

// session finds the session of a request inside a dialog.
func (s *Server) session(req *sip.Request) (*Session, bool) {
	id, ok := dialogOf(req)
	if !ok {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rs, ok := s.sessions[id]
	return rs, ok
}

// forget drops a session that no longer answers.
func (s *Server) forget(rs *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, rs.dialog.id)
	delete(s.invited, rs.dialog.id.invitation())
}
