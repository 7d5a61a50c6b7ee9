// Package configs says what may be set, and what a legal setting is. The comments on Config and its parts are the manual. What
// a setting does is left to the room that gets it.
package configs

// Config is the file form of the configuration: YAML, every key optional unless it says Required, an unknown key an error.
// A key without a value is an error too; remove it to have the default. Where a list belongs, one value alone will do.
//
// Nothing is re-read while the daemon runs: restart it to use a changed file. On SIGHUP it checks the file and logs what a
// restart would say.
type Config struct {
	// Node names this daemon in manifests and in the ledger: up to 63 letters, digits, dots, dashes and underscores. Daemons
	// that share a ledger have different names. Default: the host's name.
	Node string `yaml:"node"`
	// DataDir holds the spool, the catalog, generated keys, and the data of the embedded servers. Default:
	// $STATE_DIRECTORY, else ./linewarden-data.
	DataDir string `yaml:"data_dir"`

	// SIP is how calls come in. Default: from this machine only.
	SIP SIP `yaml:"sip"`
	// RTP is how media comes in. Default: where SIP does.
	RTP RTP `yaml:"rtp"`
	// Spool is the disk that holds recordings until the vault has them. Default: in data_dir.
	Spool Spool `yaml:"spool"`
	// S3 is a store elsewhere. Absent: the embedded store, in data_dir.
	S3 *S3 `yaml:"s3"`
	// NATS is the embedded server, or a server or cluster elsewhere. Default: the embedded one, in data_dir.
	NATS NATS `yaml:"nats"`
	// API is the HTTP API and the console. Default: on this machine only.
	API API `yaml:"api"`
	// Log is what is logged, to standard error. Default: one line of text for each step of a call.
	Log Log `yaml:"log"`

	// Controllers are the legal entities that recordings belong to, by a name of up to 32 letters, digits, dots, dashes and
	// underscores. One for each daemon. Absent: one named default, with keys made in data_dir.
	Controllers map[string]Controller `yaml:"controllers"`
	// PseudonymKeyFile holds the secret, at least 32 bytes, with which numbers are turned into pseudonyms. Daemons that
	// share a ledger need the same. Default: one made in data_dir.
	PseudonymKeyFile File `yaml:"pseudonym_key_file"`
	// Purposes are why recordings are kept, by name as with controllers. What is here replaces the default, which is
	// training 180d, service 1y, fraud 2y, instructions 3y. Default: those four.
	Purposes map[string]Purpose `yaml:"purposes"`
	// Routes say which recordings are kept for what. The first that matches a call counts; a call that none matches is
	// recorded all the same and put in quarantine. Absent: one named all, for every call and with all purposes.
	Routes []Route `yaml:"routes"`

	source *source // where the file has what; nil for Default
}

// SIP is how calls come in.
type SIP struct {
	// Listen is where SIP is taken: udp://, tcp:// or tls:// with an IP address and a port. 0.0.0.0 is every address of the
	// machine. Default: udp://127.0.0.1:5060 and tcp://127.0.0.1:5060.
	Listen []Listener `yaml:"listen"`
	// TLS is the certificate of tls:// listeners. Absent: there can be none.
	TLS *SIPTLS `yaml:"tls"`
	// Allow lists who may send calls: addresses or networks. Others get no answer over UDP, and are disconnected over TCP.
	// Default: 127.0.0.0/8 and ::1, this machine.
	Allow []Prefix `yaml:"allow"`
	// Advertise is the address that clients are told to send media to, where it is not the one they reached with SIP, as
	// behind NAT. Default: the address they reached.
	Advertise Addr `yaml:"advertise"`
	// Trunks name clients by their address, for routes and manifests. The first that has the address counts. Default: none.
	Trunks []Trunk `yaml:"trunks"`
	// TicketHeaders are the header fields of the INVITE that may carry the ticket. [] is none. Default: X-Ticket-ID.
	TicketHeaders []string `yaml:"ticket_headers"`
	// UserToUser takes the ticket from User-to-User (RFC 7433) too: what follows "ticket=" in it, else the whole content.
	// Default: true.
	UserToUser *bool `yaml:"user_to_user"`
	// TicketExtensions are the names of elements or attributes that may carry the ticket in the extension data of the
	// SIPREC metadata, without a prefix. Default: none.
	TicketExtensions []string `yaml:"ticket_extensions"`
	// Drain is how long a stop waits for running calls to end by themselves; then we end them. 0s does not wait. Default: 10s.
	Drain Duration `yaml:"drain"`
	// MaxCall ends a recording session that lasts longer, so that one whose BYE was lost is not open for ever. Default: 12h.
	MaxCall Duration `yaml:"max_call"`
	// MaxSessions is how many calls may be recorded at once, up to 100000. More get 503, so that the client tries the next
	// recorder. Default: 2000.
	MaxSessions int `yaml:"max_sessions"`
}

// SIPTLS names the certificate that clients are shown.
type SIPTLS struct {
	CertFile     File `yaml:"cert_file"`      // Required. PEM: our certificate, then those above it.
	KeyFile      File `yaml:"key_file"`       // Required. PEM: its key.
	ClientCAFile File `yaml:"client_ca_file"` // PEM: who signs clients' certificates. Absent: clients need none.
}

// Trunk names clients.
type Trunk struct {
	Name string   `yaml:"name"` // Required. Unlike that of other trunks.
	From []Prefix `yaml:"from"` // Required. Addresses or networks, which sip.allow must have too.
}

// RTP is how media comes in.
type RTP struct {
	// Address is bound by media ports. 0.0.0.0 is every address of the machine, as is needed when SIP is taken on several.
	// Default: the host of the first SIP listener.
	Address Addr `yaml:"address"`
	// Ports is the range that media ports are drawn from, both ends included. A call of two streams takes four. Default:
	// 20000-29999.
	Ports Ports `yaml:"ports"`
}

// Spool is the disk that holds recordings until the vault has them.
type Spool struct {
	// MinFree bytes must be free for a new call to be taken: kB, MB, GB, TB, or KiB, MiB, GiB, TiB. Default: 1GiB.
	MinFree Size `yaml:"min_free"`
}

// S3 is a store elsewhere.
type S3 struct {
	Endpoint      URL    `yaml:"endpoint"`        // Required. https://host[:port], or http:// for a trusted network.
	Region        string `yaml:"region"`          // Default: us-east-1.
	Bucket        string `yaml:"bucket"`          // Required.
	PathStyle     bool   `yaml:"path_style"`      // https://host/bucket instead of https://bucket.host. Default: false.
	AccessKeyFile File   `yaml:"access_key_file"` // Required. Holds nothing but the key.
	SecretKeyFile File   `yaml:"secret_key_file"` // Required. Holds nothing but the key.
	CAFile        File   `yaml:"ca_file"`         // PEM: certificates to trust beside the system's. Default: none.
	CreateBucket  bool   `yaml:"create_bucket"`   // Create the bucket, with Object Lock, when it is missing. Default: false.
}

// NATS is the embedded server, or a server or cluster elsewhere.
type NATS struct {
	// Listen is where the embedded server listens. Excludes url. Default: 127.0.0.1:4222.
	Listen HostPort `yaml:"listen"`
	// URL names a server elsewhere, or several of a cluster: nats:// or tls://. Excludes listen. Absent: the embedded server.
	URL []URL `yaml:"url"`
	// CredsFile holds the user's JWT and key. Needs url. Default: no user.
	CredsFile File `yaml:"creds_file"`
	// TLS of the connection. Needs url. Default: the system's certificates, where the server or tls:// asks for TLS.
	TLS *TLS `yaml:"tls"`
	// Replicas of the ledger in a cluster: 1, 3 or 5; more than 1 needs url. Use 3 in a cluster. Default: 1.
	Replicas int `yaml:"replicas"`
}

// TLS names certificate files.
type TLS struct {
	CAFile   File `yaml:"ca_file"`   // PEM: certificates to trust. Default: the system's.
	CertFile File `yaml:"cert_file"` // PEM: our certificate. Needs key_file. Default: none.
	KeyFile  File `yaml:"key_file"`  // PEM: its key. Needs cert_file. Default: none.
}

// API is the HTTP API and the console.
type API struct {
	Listen     HostPort      `yaml:"listen"`      // HTTP without TLS: put a proxy before it for others. Default: 127.0.0.1:8080.
	Metrics    HostPortOrOff `yaml:"metrics"`     // Where /metrics is served, without a token; off is nowhere. Default: 127.0.0.1:9464.
	Group      string        `yaml:"group"`       // Unix group that may use the local socket. Default: linewarden.
	SocketRole string        `yaml:"socket_role"` // Role of its members, one of Roles. Default: agent.
}

// Log is what is logged, to standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error. Default: info.
	Format string `yaml:"format"` // text or json. Default: text.
}

// Controller is a legal entity. Its keys are age keys (age-keygen makes them).
type Controller struct {
	// RecipientFile holds the public key that recordings are encrypted to. Required.
	RecipientFile File `yaml:"recipient_file"`
	// IdentityFile holds the private key. Absent: this daemon records, but cannot play, and searches by ticket only.
	IdentityFile File `yaml:"identity_file"`
}

// Purpose is a reason to keep a recording. Time spans count from the start of the call; y is 365 days.
type Purpose struct {
	// Keep is for how long: 180d, 2y. Not shorter than legal_minimum. Required.
	Keep Duration `yaml:"keep"`
	// LegalMinimum is how long a law asks for; nothing is erased before. The store's Object Lock is set to it. Default: none.
	LegalMinimum Duration `yaml:"legal_minimum"`
	// Statute names that law. With it the lock is in compliance mode: nobody can shorten it. Needs legal_minimum. Default: none.
	Statute string `yaml:"statute"`
}

// Route says which calls are kept for what.
type Route struct {
	Name       string   `yaml:"name"`       // Required. Unlike that of other routes.
	Match      Match    `yaml:"match"`      // Absent: every call.
	Controller string   `yaml:"controller"` // Name from controllers. Default: the only one.
	Residency  string   `yaml:"residency"`  // Code of the country or region where recordings may be kept: NO, US-CA, EU. Default: none.
	Purposes   []string `yaml:"purposes"`   // Required. From 1 to 7 names from purposes.
}

// Match describes calls. All that is given must fit.
type Match struct {
	Trunk  string `yaml:"trunk"`  // Name from sip.trunks. Absent: any.
	Caller string `yaml:"caller"` // Number, or its beginning and *: "+47*". Absent: any.
	Callee string `yaml:"callee"` // The same. Absent: any.
}

// origin says where the file has what.
func (c *Config) origin() *source {
	if c.source == nil {
		return &source{}
	}
	return c.source
}
