package ledger

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// credentialsOf reads a user's file as a person would.
func credentialsOf(t *testing.T, s *Server, user string) credentials {
	t.Helper()
	b, err := os.ReadFile(s.CredentialsFile(user))
	if err != nil {
		t.Fatal(err)
	}
	var c credentials
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCredentialsAreMadeOnceAndFollowThePort(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, err := StartServer(ServerConfig{Dir: dir, Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	before := credentialsOf(t, s, userAbuse)
	s.Close()
	again, _ := start(t, dir)
	for _, user := range []string{userDaemon, userAbuse} {
		c := credentialsOf(t, again, user)
		if c.URL != again.URL() || c.User != user || len(c.Password) < 26 {
			t.Errorf("credentials of %s: url %s, user %s", user, c.URL, c.User)
		}
		if info, err := os.Stat(again.CredentialsFile(user)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("file of %s: %v, %v", user, info.Mode(), err)
		}
		nc, err := nats.Connect(c.URL, nats.UserInfo(c.User, c.Password))
		if err != nil {
			t.Fatalf("%s is not let in: %v", user, err)
		}
		nc.Close()
	}
	if credentialsOf(t, again, userAbuse).Password != before.Password {
		t.Error("the password was made again")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDamagedCredentialsAreNamed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "abuse.json"), []byte(`{"user":"abuse"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := StartServer(ServerConfig{Dir: dir, Port: -1}); !errors.Is(err, errCredentials) || !strings.Contains(err.Error(), "abuse.json") {
		t.Errorf("start: %v", err)
	}
}

func TestNobodyComesInWithoutAName(t *testing.T) {
	s, _ := start(t, t.TempDir())
	for name, o := range map[string]nats.Option{
		"nobody": nats.Name(""), "no password": nats.UserInfo(userDaemon, ""), "wrong password": nats.UserInfo(userDaemon, "x"),
		"the other's password": nats.UserInfo(userDaemon, s.abuse.Password),
	} {
		if nc, err := nats.Connect(s.URL(), o); err == nil {
			nc.Close()
			t.Errorf("%s was let in", name)
		}
	}
}

// abuse connects as the user who reads alerts; what is refused comes through the channel.
func abuse(t *testing.T, s *Server) (*nats.Conn, <-chan error) {
	t.Helper()
	refused := make(chan error, 16)
	c := credentialsOf(t, s, userAbuse)
	nc, err := nats.Connect(c.URL, nats.UserInfo(c.User, c.Password),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc, refused
}

func TestAbuseReadsAlerts(t *testing.T) {
	s, l := start(t, t.TempDir())
	alerts, err := l.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ALERTS", Subjects: []string{"lw.alert.>"}})
	if err != nil {
		t.Fatal(err)
	}
	config := jetstream.ConsumerConfig{Durable: "abuse", AckPolicy: jetstream.AckExplicitPolicy}
	if _, err := alerts.CreateConsumer(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	nc, _ := abuse(t, s)
	live, err := nc.SubscribeSync("lw.alert.*.critical")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := l.js.Publish(t.Context(), "lw.alert.usage.critical", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := live.NextMsg(5 * time.Second); err != nil {
		t.Errorf("alert did not arrive: %v", err)
	}
	js, err := jetstream.NewWithAPIPrefix(nc, credentialsOf(t, s, userAbuse).Prefix)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.Consumer(t.Context(), "ALERTS", "abuse")
	if err != nil {
		t.Fatal(err)
	}
	batch, err := consumer.Fetch(3, jetstream.FetchMaxWait(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for msg := range batch.Messages() {
		got++
		if err := msg.DoubleAck(t.Context()); err != nil {
			t.Errorf("acknowledge: %v", err)
		}
	}
	if info, err := consumer.Info(t.Context()); got != 3 || err != nil || info.AckFloor.Stream != 3 {
		t.Errorf("fetched %d alerts, %v", got, err)
	}
}

func TestAbuseDoesNothingElse(t *testing.T) {
	s, l := start(t, t.TempDir())
	nc, refused := abuse(t, s)
	subscribe := func(subject string) func() error {
		return func() error { _, err := nc.SubscribeSync(subject); return err }
	}
	publish := func(subject string) func() error {
		return func() error { return nc.Publish(subject, []byte("{}")) }
	}
	for name, attempt := range map[string]func() error{
		"read the ledger":    subscribe(subjectPrefix + ">"),
		"read everything":    subscribe(">"),
		"append":             publish(event(1).Subject()),
		"raise an alert":     publish("lw.alert.usage.critical"),
		"make a consumer":    publish("$JS.API.CONSUMER.CREATE.ALERTS.x"),
		"ask for the ledger": publish("$JS.API.STREAM.INFO." + streamName),
		"delete the ledger":  publish("$JS.API.STREAM.DELETE." + streamName),
		"ask for streams":    publish("$JS.API.STREAM.LIST"),
	} {
		if err := attempt(); err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-refused:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: refused with %v", name, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: it was not refused", name)
		}
	}
	if _, err := l.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ALERTS", Subjects: []string{"lw.alert.>"}}); err != nil {
		t.Fatal(err)
	}
	for _, api := range []string{"STREAM.INFO." + streamName, "CONSUMER.CREATE.ALERTS.x"} {
		if _, err := nc.Request(abusePrefix+"."+api, []byte("{}"), 5*time.Second); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("%s: %v, want nobody to answer", api, err)
		}
	}
	// The answer goes where the question says: not in the daemon's account.
	if err := nc.PublishRequest(abusePrefix+".STREAM.INFO.ALERTS", event(1).Subject(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Request(abusePrefix+".STREAM.INFO.ALERTS", nil, 5*time.Second); err != nil { // answered after the other
		t.Fatal(err)
	}
	if last, err := l.Last(t.Context()); err != nil || last != 0 {
		t.Errorf("ledger ends at %d, %v: an answer went into it", last, err)
	}
}

// TestAbuseDoesNotSeeAnswers: inboxes are open to everybody in an account, and answers to the daemon pass through them.
func TestAbuseDoesNotSeeAnswers(t *testing.T) {
	s, l := start(t, t.TempDir())
	nc, _ := abuse(t, s)
	inboxes, err := nc.SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, event(1))
	if _, err := l.Last(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := inboxes.Pending(); err != nil || n != 0 {
		t.Errorf("%d answers overheard, %v", n, err)
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	_, err = StartServer(ServerConfig{Dir: t.TempDir(), Port: port})
	if err == nil || !strings.Contains(err.Error(), "nats.listen") || !strings.Contains(err.Error(), strconv.Itoa(port)) {
		t.Errorf("taken port: %v", err)
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := StartServer(ServerConfig{Dir: dir, Port: -1}); err == nil || !strings.Contains(err.Error(), "JetStream") {
		t.Errorf("a file where the folder should be: %v", err)
	}
}

func TestLogHoldsNoSecret(t *testing.T) {
	var log logged
	s, err := StartServer(ServerConfig{Dir: t.TempDir(), Port: -1, Log: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	if nc, err := nats.Connect(s.URL(), nats.UserInfo(userAbuse, "guess")); err == nil {
		nc.Close()
		t.Error("a guess was let in")
	}
	connect(t, s)
	s.Close()
	text := log.String()
	if !strings.Contains(text, "NATS server") {
		t.Errorf("logged nothing of the server: %s", text)
	}
	for _, secret := range []string{s.daemon.Password, s.abuse.Password, "guess", "Plaintext"} {
		if strings.Contains(text, secret) {
			t.Errorf("logged: %s", text)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		s, err := StartServer(ServerConfig{Dir: dir, Port: -1})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
