package configs

import (
	"net/netip"
	"slices"
	"strings"
)

// ports checks that no two listeners want the same port.
func (k *checker) ports() {
	type claim struct {
		key, network string
		at           netip.AddrPort
	}
	var taken []claim
	add := func(key, network, address string) {
		at, err := netip.ParseAddrPort(address)
		if err != nil || at.Port() == 0 || k.mute(key) {
			return
		}
		for _, t := range taken {
			if t.network == network && t.at.Port() == at.Port() && overlap(t.at.Addr(), at.Addr()) {
				k.wrong(key, "%s is taken by %s already", at, t.key)
				return
			}
		}
		taken = append(taken, claim{key, network, at})
	}
	for i, l := range k.c.SIP.Listen {
		network := l.Network
		if network == "tls" {
			network = "tcp"
		}
		add(item("sip.listen", i), network, l.Address)
	}
	add("api.listen", "tcp", k.c.API.Listen.Address)
	add("api.metrics", "tcp", k.c.API.Metrics.Address)
	if len(k.c.NATS.URL) == 0 {
		add("nats.listen", "tcp", k.c.NATS.Listen.Address)
	}
	for _, t := range taken {
		p := k.c.RTP.Ports
		if t.network == "udp" && t.at.Port() >= p.First && t.at.Port() <= p.Last {
			k.wrong(t.key, "port %d is in rtp.ports, %d-%d; media needs ports of its own", t.at.Port(), p.First, p.Last)
		}
	}
}

// overlap says whether a port of one address is a port of the other too.
func overlap(a, b netip.Addr) bool { return a == b || a.IsUnspecified() || b.IsUnspecified() }

func (k *checker) s3() {
	s := k.c.S3
	if s == nil {
		return
	}
	if e := s.Endpoint; e.URL == nil {
		k.wrong("s3.endpoint", "needed; right would be https://s3.example.com")
	} else if e.Scheme != "https" && e.Scheme != "http" {
		k.wrong("s3.endpoint", "the scheme %s is neither https nor http", quote(e.Scheme))
	} else if strings.Trim(e.Path, "/") != "" || e.RawQuery != "" || e.Fragment != "" {
		k.wrong("s3.endpoint", "nothing belongs behind the host; the bucket goes into s3.bucket")
	}
	if s.Bucket == "" {
		k.wrong("s3.bucket", "needed: the name of the bucket")
	} else if !bucketName.MatchString(s.Bucket) || strings.Contains(s.Bucket, "..") {
		k.wrong("s3.bucket", "%s is no name of a bucket; right would be 3 to 63 small letters, digits, dots and dashes", quote(s.Bucket))
	}
	if !regionName.MatchString(s.Region) {
		k.wrong("s3.region", "%s is no region; right would be eu-north-1", quote(s.Region))
	}
	k.needed("s3.access_key_file", s.AccessKeyFile == "", "a file that holds nothing but the access key")
	k.needed("s3.secret_key_file", s.SecretKeyFile == "", "a file that holds nothing but the secret key")
	if s.SecretKeyFile != "" && s.SecretKeyFile == s.AccessKeyFile {
		k.wrong("s3.secret_key_file", "is the same file as access_key_file; each holds one key")
	}
}

func (k *checker) nats() {
	n := k.c.NATS
	external := k.places["nats.url"] != nil
	switch {
	case external && len(n.URL) == 0:
		k.wrong("nats.url", "at least one is needed; right would be tls://nats.example.com:4222")
	case external && n.Listen.Address != "":
		k.wrong("nats.listen", "is for the embedded server, and nats.url names another; keep one of them")
	case !external && n.CredsFile != "":
		k.wrong("nats.creds_file", "is for a server elsewhere, and nats.url names none")
	case !external && n.TLS != nil:
		k.wrong("nats.tls", "is for a server elsewhere, and nats.url names none")
	}
	for i, u := range n.URL {
		if u.URL != nil && u.Scheme != "nats" && u.Scheme != "tls" {
			k.wrong(item("nats.url", i), "the scheme %s is neither nats nor tls", quote(u.Scheme))
		}
	}
	if n.TLS != nil {
		k.needed("nats.tls.cert_file", n.TLS.CertFile == "" && n.TLS.KeyFile != "", "key_file is the key of a certificate")
		k.needed("nats.tls.key_file", n.TLS.KeyFile == "" && n.TLS.CertFile != "", "the key of cert_file")
	}
	if !slices.Contains([]int{1, 3, 5}, n.Replicas) {
		k.wrong("nats.replicas", "right would be 1, 3 or 5")
	} else if n.Replicas > 1 && !external {
		k.wrong("nats.replicas", "the embedded server is one; replicas need a cluster, named by nats.url")
	}
}
