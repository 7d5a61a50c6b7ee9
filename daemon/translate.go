package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"linewarden/configs"
	"linewarden/recorder"
	"linewarden/recorder/media"
	"linewarden/storage"
	"linewarden/storage/ledger"
	"linewarden/storage/vault"
)

// loadSettings reads the configuration and turns it into what each room is given. Warnings go to w.
func loadSettings(file string, w io.Writer) (settings, error) {
	if file == "" {
		return translate(configs.Default(), nil)
	}
	c, err := configs.Load(file)
	if err != nil {
		return settings{}, err
	}
	for _, warning := range c.Warnings() {
		fmt.Fprintln(w, "linewarden: warning:", warning)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return settings{}, fmt.Errorf("read configuration: %w", err)
	}
	return translate(c, text)
}

// translate is the one place where the file form of the configuration meets the run forms.
func translate(c *configs.Config, text []byte) (settings, error) {
	node, err := orHostname(c.Node)
	if err != nil {
		return settings{}, err
	}
	data := c.DataDir
	if data == "" {
		data = defaultDataDir()
	}
	if data, err = filepath.Abs(data); err != nil { // the embedded store changes its directory
		return settings{}, fmt.Errorf("find data directory: %w", err)
	}
	sip, err := translateSIP(c)
	if err != nil {
		return settings{}, err
	}
	set := settings{
		DataDir: data,
		SIP:     sip,
		Media:   media.Config{Address: mediaAddress(c), PortMin: c.RTP.Ports.First, PortMax: c.RTP.Ports.Last},
		Archive: storage.Config{Purposes: translatePurposes(c)},
		Keys:    translateKeys(c, data),
		API: apiSettings{
			Listen: c.API.Listen.Address, Group: c.API.Group, Role: c.API.SocketRole, Metrics: c.API.Metrics.Address,
			Socket: filepath.Join(runtimeDir(data), socketName),
		},
		Log: translateLog(c.Log),
	}
	set.setIdentity(node, configs.Hash(text))
	if err := translateStores(c, &set); err != nil {
		return settings{}, err
	}
	return set, nil
}

// setIdentity writes the name of the daemon and of its configuration where manifests and events are made.
func (set *settings) setIdentity(node, hash string) {
	set.SIP.Node, set.SIP.Software, set.SIP.ConfigHash = node, software(), hash
	set.Archive.Node, set.Archive.Software, set.Archive.ConfigHash = node, software(), hash
}

func orHostname(node string) (string, error) {
	if node != "" {
		return node, nil
	}
	node, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find the host's name; node can be set in the configuration: %w", err)
	}
	return node, nil
}

func defaultDataDir() string {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		first, _, _ := strings.Cut(dir, ":") // systemd.exec(5): several are separated by colons
		return first
	}
	return "linewarden-data"
}

// runtimeDir is where the local socket lies.
func runtimeDir(data string) string {
	if dir := os.Getenv("RUNTIME_DIRECTORY"); dir != "" {
		first, _, _ := strings.Cut(dir, ":")
		return first
	}
	return data
}

func translateSIP(c *configs.Config) (recorder.Config, error) {
	secure, err := translateTLS(c.SIP.TLS)
	if err != nil {
		return recorder.Config{}, err
	}
	r := recorder.Config{
		TLS: secure, Advertise: c.SIP.Advertise.Addr, TicketHeaders: c.SIP.TicketHeaders, UserToUser: *c.SIP.UserToUser,
		TicketExtensions: c.SIP.TicketExtensions, MaxSessions: c.SIP.MaxSessions, MinFree: c.Spool.MinFree.Bytes,
		MaxCall: c.SIP.MaxCall.Duration, Drain: c.SIP.Drain.Duration,
	}
	for _, l := range c.SIP.Listen {
		r.Listen = append(r.Listen, recorder.Listen{Network: l.Network, Address: l.Address})
	}
	r.Allow = prefixes(c.SIP.Allow)
	for _, t := range c.SIP.Trunks {
		r.Trunks = append(r.Trunks, recorder.Trunk{Name: t.Name, From: prefixes(t.From)})
	}
	for _, route := range c.Routes {
		r.Routes = append(r.Routes, recorder.Route{
			Name:       route.Name,
			Match:      recorder.Match{Trunk: route.Match.Trunk, Caller: route.Match.Caller, Callee: route.Match.Callee},
			Controller: route.Controller, Residency: route.Residency, Purposes: route.Purposes,
		})
	}
	return r, nil
}

// translateTLS reads the certificate that clients are shown; nil where there is none.
func translateTLS(t *configs.SIPTLS) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(t.CertFile.Path(), t.KeyFile.Path())
	if err != nil {
		return nil, fmt.Errorf("sip.tls: %w", err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12} // RFC 7866, 12
	if t.ClientCAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(t.ClientCAFile.Path())
	if err != nil {
		return nil, fmt.Errorf("sip.tls: %w", err)
	}
	c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("sip.tls: %s has no certificate", t.ClientCAFile)
	}
	return c, nil
}

func prefixes(list []configs.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = p.Prefix
	}
	return out
}

// mediaAddress is what media ports are bound to: as configured, or the host of the first SIP listener.
func mediaAddress(c *configs.Config) netip.Addr {
	if c.RTP.Address.IsValid() {
		return c.RTP.Address.Addr
	}
	host, _, _ := net.SplitHostPort(c.SIP.Listen[0].Address) // checked when the file was read
	addr, _ := netip.ParseAddr(host)
	return addr
}

func translatePurposes(c *configs.Config) map[string]storage.Purpose {
	out := make(map[string]storage.Purpose, len(c.Purposes))
	for name, p := range c.Purposes {
		out[name] = storage.Purpose{Keep: p.Keep.Duration, LegalMinimum: p.LegalMinimum.Duration, Statute: p.Statute}
	}
	return out
}

func translateKeys(c *configs.Config, data string) keyFiles {
	k := keyFiles{Dir: filepath.Join(data, "keys"), Pseudonym: c.PseudonymKeyFile.Path()}
	for _, controller := range c.Controllers { // one, as the check has seen
		k.Recipient, k.Identity = controller.RecipientFile.Path(), controller.IdentityFile.Path()
	}
	return k
}

func translateLog(l configs.Log) logSettings {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // checked when the file was read
	return logSettings{Level: level, JSON: l.Format == "json"}
}

// translateStores says which S3 and NATS are used: our own or somebody else's.
func translateStores(c *configs.Config, set *settings) error {
	set.Ledger = ledger.Options{Replicas: c.NATS.Replicas}
	if c.S3 != nil {
		v, err := translateS3(c.S3)
		if err != nil {
			return err
		}
		set.Vault, set.CreateBucket = v, c.S3.CreateBucket
	}
	if len(c.NATS.URL) > 0 {
		set.NATS = translateNATS(c.NATS)
		return nil
	}
	host, port, err := net.SplitHostPort(c.NATS.Listen.Address)
	if err != nil {
		return fmt.Errorf("nats.listen: %w", err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("nats.listen: %w", err)
	}
	if n == 0 {
		n = -1 // any that is free, in the words of the NATS server
	}
	set.NATSServer = ledger.ServerConfig{Dir: filepath.Join(set.DataDir, "nats"), Host: host, Port: n}
	return nil
}

func translateS3(s *configs.S3) (*vault.Config, error) {
	access, errA := readSecret(s.AccessKeyFile)
	secret, errS := readSecret(s.SecretKeyFile)
	if err := errors.Join(errA, errS); err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	return &vault.Config{
		Endpoint: s.Endpoint.Host, Secure: s.Endpoint.Scheme == "https", CAFile: s.CAFile.Path(), Region: s.Region,
		Bucket: s.Bucket, PathStyle: s.PathStyle, AccessKey: access, SecretKey: secret,
	}, nil
}

func translateNATS(n configs.NATS) *ledger.ConnConfig {
	urls := make([]string, len(n.URL))
	for i, u := range n.URL {
		urls[i] = u.String()
	}
	c := &ledger.ConnConfig{URL: strings.Join(urls, ","), CredsFile: n.CredsFile.Path(), Name: "linewarden"}
	if n.TLS != nil {
		c.CAFile, c.CertFile, c.KeyFile = n.TLS.CAFile.Path(), n.TLS.CertFile.Path(), n.TLS.KeyFile.Path()
	}
	return c
}

// readSecret reads a file that holds nothing but a secret.
func readSecret(f configs.File) (string, error) {
	b, err := os.ReadFile(f.Path())
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}
