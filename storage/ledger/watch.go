package ledger

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// healthEvery is how often the server is asked whether it can still write.
	healthEvery = 2 * time.Second
	// maxHealthWait is the longest time between two starts, when the first has not helped; a server that is well for
	// healthyAfter has been helped.
	maxHealthWait, healthyAfter = time.Minute, 5 * time.Minute
	// startRetry is how long after a failed start the next is tried, and how long clients within the process wait.
	startRetry = 500 * time.Millisecond
	// roomToStart is how many bytes must fit on the disk before the server is started again.
	roomToStart = 1 << 20
)

// watch starts the server again when it has given up writing. After one error of the disk, a full one say, it refuses
// every message until then, although there may be room again; what it wrote last is cut off at the next start if
// it is not whole, and was not acknowledged.
func (s *Server) watch() {
	every := time.NewTicker(healthEvery)
	defer every.Stop()
	var restarted time.Time
	wait := healthEvery // at least, between two starts
	for ill := false; ; {
		select {
		case <-s.closing:
			return
		case <-every.C:
		}
		why := s.illness()
		if why != "" && !ill {
			s.log.Error("NATS server cannot write; it is started again when the disk lets it", "reason", why)
		}
		ill = why != ""
		since := time.Since(restarted)
		if since > healthyAfter {
			wait = healthEvery
		}
		if !ill || since < wait || probeDisk(s.dir) != nil {
			continue // what can be read stays readable meanwhile
		}
		s.restart()
		restarted, wait = time.Now(), min(2*wait, maxHealthWait)
	}
}

// illness says why the server takes no messages; "" when it does.
func (s *Server) illness() string {
	for _, e := range s.current().Healthz(&server.HealthzOptions{Details: true}).Errors {
		// Other errors are passing, as of a stream that is being made, or not mended by a start.
		if e.Type == server.HealthzErrorJetStream || strings.Contains(e.Error, "write error") {
			return e.Error
		}
	}
	return ""
}

// restart starts the server again, until that works or Close is called. Clients connect again by themselves.
func (s *Server) restart() {
	stop(s.current())
	for {
		ns, err := s.start()
		if err == nil {
			s.mu.Lock()
			s.server = ns
			s.mu.Unlock()
			s.log.Info("NATS server was started again")
			return
		}
		s.log.Error("NATS server cannot be started again; it is tried again", "error", err)
		select {
		case <-s.closing:
			return
		case <-time.After(startRetry):
		}
	}
}

// probeDisk writes as much as a server needs to start.
func probeDisk(dir string) error {
	f, err := os.CreateTemp(dir, "probe.*.new")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, roomToStart))
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}
