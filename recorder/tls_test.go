package recorder

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// certificate makes a certificate that vouches for itself, for 127.0.0.1.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestMutualTLS takes a call over TLS, and ends it from our side over the same connection. Who has no certificate is not let in.
func TestMutualTLS(t *testing.T) {
	ours, trustUs := certificate(t)
	theirs, trustThem := certificate(t)
	r := newRig(t, func(c *Config) {
		c.Listen = append(c.Listen, Listen{"tls", "127.0.0.1:0"})
		c.TLS = &tls.Config{Certificates: []tls.Certificate{ours}, ClientCAs: trustThem, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	})
	address := r.addr("tls").String()
	if conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: trustUs}); err == nil {
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		conn.Write([]byte("OPTIONS sip:x SIP/2.0\r\n\r\n"))
		if n, err := conn.Read(make([]byte, 1)); err == nil || n > 0 {
			t.Error("a client without a certificate was answered")
		}
		conn.Close()
	}
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: trustUs, Certificates: []tls.Certificate{theirs}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &rawCall{t: t, conn: conn, in: bufio.NewReader(conn), id: "tls-1", to: "<sip:srs@127.0.0.1>", transport: "TLS"}
	m := c.ask("INVITE", sdp, offerOf("1 4000 sendonly"))
	if m.status() != 200 || !strings.Contains(m.header.Get("Contact"), "transport=tls") {
		t.Fatalf("INVITE over TLS: %s, Contact %s", m.start, m.header.Get("Contact"))
	}
	r.server.snapshot()[0].send(eventDrain{})
	if m := c.next(); !strings.HasPrefix(m.start, "BYE ") {
		t.Errorf("client is told %q, want BYE", m.start)
	}
	if m := r.manifest(r.waitSealed()); m.EndReason != EndDrain {
		t.Errorf("end reason %q", m.EndReason)
	}
}
