package client

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"mime/multipart"
	"net/netip"
	"net/textproto"
	"time"

	"github.com/emiago/sipgo/sip"
)

const userAgent = "linewarden-call"

// invite writes the request that asks for a recording session (RFC 7866, 6.1).
func (p *plan) invite(local netip.Addr, ports [2]uint16) (*sip.Request, error) {
	body, contentType, err := p.body(local, ports)
	if err != nil {
		return nil, err
	}
	recorder := sip.Uri{
		Scheme: "sip", User: "recorder", Host: p.server.Addr().String(), Port: int(p.server.Port()),
	}
	if p.transport == "TCP" {
		recorder.UriParams.Add("transport", "tcp")
	}
	req := sip.NewRequest(sip.INVITE, recorder)
	req.SetTransport(p.transport)
	req.SetDestination(p.server.String())

	from := sip.FromHeader{Address: sip.Uri{Scheme: "sip", User: "client", Host: local.String()}}
	from.Params.Add("tag", sip.GenerateTagN(16))
	req.AppendHeader(&from)
	req.AppendHeader(&sip.ToHeader{Address: sip.Uri{Scheme: "sip", User: "recorder", Host: p.server.Addr().String()}})

	// The SIP library fills in host and port when it has a socket.
	contact := sip.ContactHeader{Address: sip.Uri{Scheme: "sip", User: "client"}}
	if p.transport == "TCP" {
		contact.Address.UriParams.Add("transport", "tcp")
	}
	contact.Params.Add("+sip.src", "") // RFC 7866, 6.1.1
	req.AppendHeader(&contact)

	for _, h := range []header{
		{"Require", "siprec"},
		{"Accept", "application/sdp, application/rs-metadata-request"},
		{"Allow", "INVITE, ACK, CANCEL, BYE"},
		{"User-Agent", userAgent},
	} {
		if !p.says(h.name) {
			req.AppendHeader(sip.NewHeader(h.name, h.value))
		}
	}
	for _, h := range p.headers {
		req.AppendHeader(sip.NewHeader(h.name, h.value))
	}
	req.AppendHeader(sip.NewHeader("Content-Type", contentType))
	req.SetBody(body)
	return req, nil
}

// body writes offer and metadata as two parts (RFC 7866, 9.1).
func (p *plan) body(local netip.Addr, ports [2]uint16) (body []byte, contentType string, err error) {
	snapshot, err := snapshot(p.parties, time.Now())
	if err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary("part-" + randomHex(8)); err != nil {
		return nil, "", err
	}
	for _, part := range []struct {
		header  textproto.MIMEHeader
		content []byte
	}{
		{textproto.MIMEHeader{"Content-Type": {"application/sdp"}}, offer(local, ports, p.law)},
		{textproto.MIMEHeader{
			"Content-Type":        {"application/rs-metadata+xml"}, // RFC 9806
			"Content-Disposition": {"recording-session"},
		}, snapshot},
	} {
		pw, err := w.CreatePart(part.header)
		if err != nil {
			return nil, "", err
		}
		if _, err := pw.Write(part.content); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return b.Bytes(), "multipart/mixed;boundary=" + w.Boundary(), nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // Never fails.
	return b
}

func randomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }

// identifier is a random one of 16 bytes in the form that RFC 7865, 6.10 asks for.
func identifier() string { return base64.StdEncoding.EncodeToString(randomBytes(16)) }
