// Package siprec reads and writes what RFC 7865 and 7866 put on paper: the body of a recording session's INVITE, its
// metadata, the offer in it and our answer. It does no I/O, and what a recording is made of them is left to package recorder.
package siprec

import (
	"bytes"
	"errors"
	"mime"
	"strings"
)

// maxParts bounds the parts of a multipart body; real clients send two or three.
const maxParts = 16

// Part is a part of a body that is neither SDP nor metadata.
type Part struct {
	ContentType string
	Data        []byte
}

// Body is the body of an INVITE or UPDATE, taken apart.
type Body struct {
	SDP      []byte
	Metadata []byte
	Other    []Part
	Oddities []string // what was not as the standards have it, in fixed words
}

// ErrNoBody says that a body holds nothing that can be told apart.
var ErrNoBody = errors.New("no SDP and no metadata in the body")

// ParseBody takes a body apart. Clients send wrong content types, bare line feeds, and no closing boundary: what a part is
// is told by its first bytes where its header is no help.
func ParseBody(contentType string, body []byte) (Body, error) {
	var b Body
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		b.odd("the Content-Type cannot be read")
	}
	boundary := params["boundary"]
	if strings.HasPrefix(mediaType, "multipart/") && boundary == "" || mediaType == "" {
		boundary = sniffBoundary(body)
	}
	if boundary == "" {
		b.add(mediaType, body)
	} else {
		b.split(boundary, body)
	}
	if len(b.SDP) == 0 && len(b.Metadata) == 0 && len(bytes.TrimSpace(body)) > 0 {
		return b, ErrNoBody
	}
	return b, nil
}

// split takes a multipart body apart by its boundary (RFC 2046, 5.1.1), with any line ends and without the final boundary.
func (b *Body) split(boundary string, body []byte) {
	delimiter := []byte("--" + boundary)
	rest := body
	first := bytes.Index(rest, delimiter)
	if first < 0 {
		b.odd("the boundary is not in the body")
		b.add("", body)
		return
	}
	rest = rest[first+len(delimiter):]
	for range maxParts {
		if bytes.HasPrefix(rest, []byte("--")) {
			return
		}
		next := bytes.Index(rest, append([]byte("\n"), delimiter...))
		if next < 0 {
			b.odd("the final boundary is missing")
			b.addPart(rest)
			return
		}
		b.addPart(rest[:next+1])
		rest = rest[next+1+len(delimiter):]
	}
	b.odd("there are more parts than any client needs")
}

// addPart takes one part with its header lines.
func (b *Body) addPart(part []byte) {
	part = skipLine(part) // what stands behind the boundary
	contentType := ""
	for len(part) > 0 {
		line, rest := cutLine(part)
		if len(line) == 0 {
			part = rest
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || bytes.ContainsAny(name, " =<") {
			break // no header line: the part began without one
		}
		if strings.EqualFold(string(bytes.TrimSpace(name)), "Content-Type") {
			contentType = string(bytes.TrimSpace(value))
		}
		part = rest
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType, _, _ = strings.Cut(contentType, ";")
	}
	b.add(strings.ToLower(strings.TrimSpace(mediaType)), part)
}

// add files a part under what it is: by its first bytes, and by its type where these say nothing.
func (b *Body) add(mediaType string, data []byte) {
	kind := sniff(data)
	if kind == "" {
		kind = mediaType
	} else if mediaType != kind && !(kind == typeMetadata && mediaType == typeMetadataOld) {
		b.odd("a part has another type than it says")
	}
	switch {
	case kind == typeSDP && b.SDP == nil:
		b.SDP = data
	case (kind == typeMetadata || kind == typeMetadataOld) && b.Metadata == nil:
		b.Metadata = data
	case len(bytes.TrimSpace(data)) > 0:
		b.Other = append(b.Other, Part{ContentType: mediaType, Data: data})
	}
}

const (
	typeSDP         = "application/sdp"
	typeMetadata    = "application/rs-metadata+xml"
	typeMetadataOld = "application/rs-metadata" // RFC 7866, before RFC 9806 corrected it
)

// sniff tells SDP and metadata by their beginning.
func sniff(data []byte) string {
	data = bytes.TrimLeft(data, " \t\r\n\ufeff")
	switch {
	case bytes.HasPrefix(data, []byte("v=0")):
		return typeSDP
	case bytes.HasPrefix(data, []byte("<")) && bytes.Contains(data[:min(len(data), 1024)], []byte("recording")):
		return typeMetadata
	}
	return ""
}

// sniffBoundary finds the boundary that a body begins with, when its Content-Type does not say.
func sniffBoundary(body []byte) string {
	line, _ := cutLine(bytes.TrimLeft(body, " \t\r\n"))
	if after, ok := bytes.CutPrefix(line, []byte("--")); ok && len(after) > 0 && len(after) <= 70 {
		return string(bytes.TrimSpace(after))
	}
	return ""
}

func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

func skipLine(b []byte) []byte {
	_, rest := cutLine(b)
	return rest
}

func (b *Body) odd(what string) {
	for _, o := range b.Oddities {
		if o == what {
			return
		}
	}
	b.Oddities = append(b.Oddities, what)
}
