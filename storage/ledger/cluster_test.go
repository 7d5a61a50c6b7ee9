package ledger

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// cluster starts three servers, as a company may run them, and gives their addresses.
func cluster(t *testing.T) (servers []*server.Server, urls string) {
	t.Helper()
	var routes, clients []string
	for range 3 {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", freePort(t)))
	}
	for i, route := range routes {
		_, port, _ := strings.Cut(strings.TrimPrefix(route, "nats://"), ":")
		routePort, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("s", i), Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), JetStreamMaxMemory: 1 << 24, JetStreamMaxStore: 1 << 30,
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: routePort},
			Routes:  server.RoutesFromStr(strings.Join(routes, ",")),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { stop(s) })
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("a server of the cluster takes no connections")
		}
		servers, clients = append(servers, s), append(clients, s.ClientURL())
	}
	return servers, strings.Join(clients, ",")
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// TestLedgerInACluster gives a ledger more copies, then stops the server that leads it while it is followed.
func TestLedgerInACluster(t *testing.T) {
	servers, urls := cluster(t)
	nc, err := Connect(ConnConfig{URL: urls, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	soon, end := context.WithTimeout(t.Context(), time.Second)
	single, err := Open(soon, nc, Options{}) // the cluster may have no leader yet, and that is no error
	end()
	if err != nil {
		t.Fatal(err)
	}
	retryAppend(t, single, event(1))
	l := open(t, nc, Options{Replicas: 3})
	got := make(chan uint64)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { // ends with ctx
		ended <- l.Follow(ctx, 0, func(e Event) error { got <- e.Seq; return nil })
	}()
	for n := 2; n <= 10; n++ {
		retryAppend(t, l, event(n))
	}
	stopLeader(t, servers, l)
	e := event(11)
	e.Key = "once"
	retryAppend(t, l, e)
	for want := uint64(1); want <= 11; want++ {
		if seq := <-got; seq != want {
			t.Fatalf("followed %d, want %d", seq, want)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("follow: %v", err)
	}
}

// stopLeader stops the server that leads the stream, when all three hold it.
func stopLeader(t *testing.T, servers []*server.Server, l *Ledger) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		stream, err := l.js.Stream(ctx, streamName)
		if err == nil && hasCopies(stream.CachedInfo()) {
			for _, s := range servers {
				if s.Name() == stream.CachedInfo().Cluster.Leader {
					stop(s)
				}
			}
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("ledger has no three copies: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func hasCopies(info *jetstream.StreamInfo) bool {
	if info.Config.Replicas != 3 || len(info.Cluster.Replicas) != 2 {
		return false
	}
	return info.Cluster.Replicas[0].Current && info.Cluster.Replicas[1].Current
}

// TestConnectAsksAgain: a server that does not let us in yet is tried again, for ever.
func TestConnectAsksAgain(t *testing.T) {
	s, _ := start(t, t.TempDir())
	nc, err := Connect(ConnConfig{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if nc.IsClosed() || nc.IsConnected() || !nc.Opts.IgnoreAuthErrorAbort || nc.Opts.MaxReconnect != -1 {
		t.Errorf("connection to a server that wants a name: %v", nc.Status())
	}
}

func TestConnectNamesNoSecret(t *testing.T) {
	for _, bad := range []string{"nats://user:s3cret@host:port", "s3cret", "nats://user:s3cret@%zz", ""} {
		if _, err := Connect(ConnConfig{URL: bad}); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := Connect(ConnConfig{URL: "nats://127.0.0.1:1", CAFile: "nowhere.pem"}); err == nil || !strings.Contains(err.Error(), "nowhere.pem") {
		t.Errorf("a file that is not there: %v", err)
	}
}
