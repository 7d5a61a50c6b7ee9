// Package configs says what may be set, and what a legal setting is. The comments on Config and its parts are the manual. What
// a setting does is left to the room that gets it.
package configs

import (
	"net/netip"
)

// Config is the file form of the configuration. Every key is optional unless it says otherwise. Nothing is re-read while the
// daemon runs: restart it to use a changed file.
type Config struct {
	// Node names this daemon in manifests and in the ledger. Default: the host's name.
	Node string `yaml:"node"`
	// DataDir holds the spool, the catalog, generated keys, and the data of the embedded servers. Default:
	// $STATE_DIRECTORY, else ./linewarden-data.
	DataDir string `yaml:"data_dir"`

	SIP   SIP   `yaml:"sip"`
	RTP   RTP   `yaml:"rtp"`
	S3    *S3   `yaml:"s3"` // Absent: the embedded store.
	NATS  NATS  `yaml:"nats"`
	API   API   `yaml:"api"`
	Log   Log   `yaml:"log"`
	Spool Spool `yaml:"spool"`

	// Controllers are the legal entities that recordings belong to. One for now. Absent: one named "default", with keys made
	// in the data directory.
	Controllers map[string]Controller `yaml:"controllers"`
	// PseudonymKeyFile holds the secret, at least 32 bytes, with which numbers are turned into pseudonyms. Daemons that
	// share a ledger need the same. Default: one made in the data directory.
	PseudonymKeyFile File `yaml:"pseudonym_key_file"`
	// Purposes are why recordings are kept, by name. Absent: training 180d, service 1y, fraud 2y, instructions 3y.
	Purposes map[string]Purpose `yaml:"purposes"`
	// Routes say which recordings are kept for what. The first that matches a call counts; a call that none matches is
	// recorded all the same and put in quarantine. Absent: one route for every call, with all purposes.
	Routes []Route `yaml:"routes"`
}

// SIP is how calls come in.
type SIP struct {
	// Listen is where SIP is taken. Default: udp://127.0.0.1:5060 and tcp://127.0.0.1:5060.
	Listen []Listener `yaml:"listen"`
	// TLS for listeners that are tls://. With client_ca_file clients must show a certificate too.
	TLS *SIPTLS `yaml:"tls"`
	// Allow lists who may send calls: addresses or networks. Default: this machine only.
	Allow []Prefix `yaml:"allow"`
	// Advertise is the address in our answers, where it is not the one the client reached, as behind NAT.
	Advertise Addr `yaml:"advertise"`
	// Trunks name clients by their address, for routes and manifests.
	Trunks []Trunk `yaml:"trunks"`
	// TicketHeaders are the header fields that may carry the ticket. Default: X-Ticket-ID.
	TicketHeaders []string `yaml:"ticket_headers"`
	// UserToUser takes the ticket from User-to-User (RFC 7433) too. Default: true.
	UserToUser *bool `yaml:"user_to_user"`
	// TicketExtensions are the names of SIPREC metadata extension elements that may carry the ticket.
	TicketExtensions []string `yaml:"ticket_extensions"`
	// Drain is how long a stop waits for running calls to end by themselves. Default: 10s.
	Drain Duration `yaml:"drain"`
	// MaxCall ends a recording session that lasts longer. Default: 12h.
	MaxCall Duration `yaml:"max_call"`
	// MaxSessions is how many calls may be recorded at once; more get 503. Default: 2000.
	MaxSessions int `yaml:"max_sessions"`
}

// SIPTLS names the certificate that clients are shown.
type SIPTLS struct {
	CertFile     File `yaml:"cert_file"`      // Required: our certificate and those above it.
	KeyFile      File `yaml:"key_file"`       // Required: its key.
	ClientCAFile File `yaml:"client_ca_file"` // Who signs clients' certificates. Absent: none is asked for.
}

// Trunk names clients.
type Trunk struct {
	Name string   `yaml:"name"` // Required.
	From []Prefix `yaml:"from"` // Required.
}

// RTP is how media comes in.
type RTP struct {
	// Address is bound by media ports. Default: the host of the first SIP listener.
	Address Addr `yaml:"address"`
	// Ports is the range media ports are drawn from; a call of two streams takes four. Default: 20000-29999.
	Ports Ports `yaml:"ports"`
}

// S3 is a store elsewhere.
type S3 struct {
	Endpoint      URL    `yaml:"endpoint"`        // Required. https://host[:port], or http:// for a trusted network.
	Region        string `yaml:"region"`          // Default: us-east-1.
	Bucket        string `yaml:"bucket"`          // Required.
	PathStyle     bool   `yaml:"path_style"`      // https://host/bucket instead of https://bucket.host. Default: false.
	AccessKeyFile File   `yaml:"access_key_file"` // Required.
	SecretKeyFile File   `yaml:"secret_key_file"` // Required.
	CAFile        File   `yaml:"ca_file"`         // Certificates to trust beside the system's.
	CreateBucket  bool   `yaml:"create_bucket"`   // Create the bucket, with Object Lock, when it is missing. Default: false.
}

// NATS is the embedded server, or a server or cluster elsewhere.
type NATS struct {
	// Listen is where the embedded server listens. Default: 127.0.0.1:4222. Excludes url.
	Listen HostPort `yaml:"listen"`
	// URL of a server elsewhere, or several. Excludes listen.
	URL []URL `yaml:"url"`
	// CredsFile holds the user's JWT and key. Needs url.
	CredsFile File `yaml:"creds_file"`
	// TLS for the connection. Needs url.
	TLS *TLS `yaml:"tls"`
	// Replicas of the ledger in a cluster: 1, 3 or 5. Default: 1; use 3 in a cluster.
	Replicas int `yaml:"replicas"`
}

// TLS names certificate files.
type TLS struct {
	CAFile   File `yaml:"ca_file"`   // Certificates to trust.
	CertFile File `yaml:"cert_file"` // Our certificate; needs key_file.
	KeyFile  File `yaml:"key_file"`  // Its key; needs cert_file.
}

// API is the HTTP API and the console.
type API struct {
	Listen     HostPort `yaml:"listen"`      // Default: 127.0.0.1:8080.
	Metrics    HostPort `yaml:"metrics"`     // Where /metrics is served, without a token. Default: 127.0.0.1:9464. "off" serves none.
	Group      string   `yaml:"group"`       // Unix group that may use the local socket. Default: linewarden.
	SocketRole string   `yaml:"socket_role"` // Role of its members. Default: agent.
}

// Log is what is logged, to standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error. Default: info.
	Format string `yaml:"format"` // text or json. Default: text.
}

// Spool is the disk that holds recordings until the vault has them.
type Spool struct {
	// MinFree bytes must be free for a new call to be taken. Default: 1GiB.
	MinFree Size `yaml:"min_free"`
}

// Controller is a legal entity. Its keys are age keys (age-keygen makes them).
type Controller struct {
	// RecipientFile holds the public key that recordings are encrypted to. Required.
	RecipientFile File `yaml:"recipient_file"`
	// IdentityFile holds the private key. Absent: this daemon records, but cannot play, and searches by ticket only.
	IdentityFile File `yaml:"identity_file"`
}

// Purpose is a reason to keep a recording.
type Purpose struct {
	// Keep is for how long, from the start of the call: 180d, 2y. Required.
	Keep Duration `yaml:"keep"`
	// LegalMinimum is how long a law asks for; nothing is erased before. The store's Object Lock is set to it.
	LegalMinimum Duration `yaml:"legal_minimum"`
	// Statute names that law. With it the lock is in compliance mode: nobody can shorten it. Needs legal_minimum.
	Statute string `yaml:"statute"`
}

// Route says which calls are kept for what.
type Route struct {
	Name       string   `yaml:"name"`       // Required.
	Match      Match    `yaml:"match"`      // Absent: every call.
	Controller string   `yaml:"controller"` // Default: the only controller.
	Residency  string   `yaml:"residency"`  // Country or region where recordings may be kept, such as NO or EU.
	Purposes   []string `yaml:"purposes"`   // Required. Names from purposes.
}

// Match describes calls. What is absent matches all.
type Match struct {
	Trunk  string `yaml:"trunk"`  // Name from sip.trunks.
	Caller string `yaml:"caller"` // Number, or its beginning and *: +47*.
	Callee string `yaml:"callee"` // The same.
}

// loopback is who may send calls by default.
var loopback = []Prefix{
	{netip.MustParsePrefix("127.0.0.0/8")},
	{netip.MustParsePrefix("::1/128")},
}
