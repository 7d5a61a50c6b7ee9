package ledger

import (
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/crypto/bcrypt"
)

const (
	// memoryStore bounds streams and consumers kept in memory, in bytes: those of followers, a few kilobytes each.
	memoryStore = 16 << 20
	// fileStore bounds the ledger and the alerts, in bytes, at 1 TiB: at what the disk holds. By default the server takes three
	// quarters of what is free at its start.
	fileStore = 1 << 40
	// clientPending bounds, in bytes, what waits for a client that reads slowly.
	clientPending = 8 << 20
	// ingest bounds, in bytes, what waits to be written.
	ingest = 16 << 20
	// clients bounds connections: the daemon, and people who read alerts.
	clients = 256
	// payload bounds a message, in bytes.
	payload = 1 << 20
)

//go:embed accounts.conf
var accounts string

// options of the server. They belong to one start of it.
func (s *Server) options() (*server.Options, error) {
	o := &server.Options{
		ServerName: "linewarden", Host: s.host, Port: s.port, NoSigs: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: filepath.Join(s.dir, "jetstream"), SyncAlways: true,
		JetStreamMaxMemory: memoryStore, JetStreamMaxStore: fileStore, StreamMaxBufferedSize: ingest,
		MaxConn: clients, MaxPayload: payload, MaxPending: clientPending,
	}
	if err := o.ProcessConfigString(accounts); err != nil {
		return nil, fmt.Errorf("read accounts of NATS server: %w", err)
	}
	return o, s.addUsers(o)
}

func (s *Server) addUsers(o *server.Options) error {
	account := map[string]*server.Account{}
	for _, a := range o.Accounts {
		account[a.Name] = a
	}
	daemon, errD := hash(s.daemon.Password)
	abuse, errA := hash(s.abuse.Password)
	o.Users = []*server.User{
		{Username: userDaemon, Password: daemon, Account: account["LINEWARDEN"]},
		{Username: userAbuse, Password: abuse, Account: account["ABUSE"], Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{abusePrefix + ".>", "$JS.ACK.ALERTS.abuse.>"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"lw.alert.>", "_INBOX.>"}},
		}},
	}
	return errors.Join(errD, errA)
}

// hash is how the server wants its passwords. Ours are random and long, so a cheap hash is as good as a dear one.
func hash(password string) (string, error) {
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		return "", fmt.Errorf("hash password of NATS user: %w", err)
	}
	return string(h), nil
}
