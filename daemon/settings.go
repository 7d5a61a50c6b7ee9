package main

import (
	"log/slog"

	"linewarden/recorder"
	"linewarden/recorder/media"
	"linewarden/storage"
	"linewarden/storage/ledger"
	"linewarden/storage/vault"
)

// settings is the run form of the configuration: what each room is given. translate.go makes it from the file form.
type settings struct {
	DataDir string

	SIP   recorder.Config
	Media media.Config

	Vault        *vault.Config // nil: the embedded store
	CreateBucket bool
	NATS         *ledger.ConnConfig // nil: the embedded server, as NATSServer says
	NATSServer   ledger.ServerConfig
	Ledger       ledger.Options

	Archive storage.Config // its keys are read from Keys at the start
	Keys    keyFiles

	API apiSettings
	Log logSettings
}

// apiSettings say where the API and the console are served, and to whom over the local socket.
type apiSettings struct {
	Listen  string // host:port
	Socket  string // path
	Group   string // members of this unix group have Role over the socket
	Role    string
	Metrics string // host:port of /metrics; "" serves none
}

type logSettings struct {
	Level slog.Level
	JSON  bool
}

// setLog gives every room the logger.
func (set *settings) setLog(log *slog.Logger) {
	set.SIP.Log, set.Media.Log, set.Archive.Log, set.Ledger.Log, set.NATSServer.Log = log, log, log, log, log
	if set.NATS != nil {
		set.NATS.Log = log
	}
}
