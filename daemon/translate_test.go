package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"linewarden/configs"
)

// writeCertificate makes a certificate and its key as files.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTranslate(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir)
	text := fmt.Appendf(nil, `
node: recorder-1
data_dir: %[1]s/data
sip:
  listen: [tls://192.0.2.10:5061, udp://192.0.2.10:5060]
  tls: {cert_file: %[1]s/cert.pem, key_file: %[1]s/key.pem, client_ca_file: %[1]s/cert.pem}
  trunks: [{name: support, from: 192.0.2.20}]
routes:
  - {name: desk, match: {trunk: support, callee: "+1*"}, purposes: [fraud]}
`, dir)
	c, problems := configs.Parse("x", text)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set, err := translate(c, text)
	if err != nil {
		t.Fatal(err)
	}
	sip := set.SIP
	if sip.TLS == nil || sip.TLS.ClientAuth != tls.RequireAndVerifyClientCert || len(sip.TLS.Certificates) != 1 {
		t.Errorf("TLS is %+v", sip.TLS)
	}
	if sip.Node != "recorder-1" || sip.ConfigHash != configs.Hash(text) || set.Archive.ConfigHash != sip.ConfigHash {
		t.Errorf("node %q, hash %q", sip.Node, sip.ConfigHash)
	}
	if set.Media.Address.String() != "192.0.2.10" || sip.Listen[0].Network != "tls" || sip.Trunks[0].From[0].String() != "192.0.2.20/32" {
		t.Errorf("media on %v, SIP on %v, trunks %v", set.Media.Address, sip.Listen, sip.Trunks)
	}
	if r := sip.Routes[0]; r.Match.Trunk != "support" || r.Controller != "default" || r.Purposes[0] != "fraud" {
		t.Errorf("route %+v", r)
	}
	if set.Vault != nil || set.NATS != nil || set.NATSServer.Port != 4222 || set.API.Socket == "" {
		t.Errorf("stores %+v %+v %+v", set.Vault, set.NATS, set.NATSServer)
	}

	c.SIP.TLS.KeyFile = configs.File(filepath.Join(dir, "gone"))
	if _, err := translate(c, text); err == nil {
		t.Error("a key that is not there is no error")
	}
}
