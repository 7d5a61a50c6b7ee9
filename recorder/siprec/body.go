// Package siprec reads and writes what RFC 7865 and 7866 put on paper: the body of a recording session's INVITE, its
// metadata, the offer in it and our answer. It does no I/O, and what a recording is made of them is left to package recorder.
package siprec

import (
	"bytes"
	"errors"
	"mime"
	"slices"
	"strings"
)

const (
	// maxParts bounds the parts of a multipart body; real clients send two or three.
	maxParts = 16
	// maxNesting bounds multipart bodies inside each other; no client was seen to do it at all.
	maxNesting = 3
)

// Part is a part of a body that is neither SDP nor metadata.
type Part struct {
	ContentType string // without parameters; "" when the part does not say
	Data        []byte
}

// Body is the body of a request within a recording session, taken apart. It shares memory with what it was parsed from.
type Body struct {
	SDP      []byte
	Metadata []byte
	Other    []Part
	Oddities []string // what was not as the standards have it, in fixed words
}

// ErrNoBody says that a body holds nothing that can be told apart.
var ErrNoBody = errors.New("no SDP and no metadata in the body")

// Media types of the parts.
const (
	typeSDP         = "application/sdp"
	typeMetadata    = "application/rs-metadata+xml"
	typeMetadataOld = "application/rs-metadata" // RFC 7866, before RFC 9806 corrected it
)

// ParseBody takes a body apart. Clients send wrong content types, bare line feeds, and no closing boundary: where the first
// bytes of a part say what it is, they are believed more than its header.
func ParseBody(contentType string, body []byte) (Body, error) {
	var b Body
	b.parse(contentType, body, 0)
	if len(b.SDP) == 0 && len(b.Metadata) == 0 && len(bytes.TrimSpace(body)) > 0 {
		return b, ErrNoBody
	}
	return b, nil
}

// parse takes a body, or a part of one, for what it is.
func (b *Body) parse(contentType string, data []byte, depth int) {
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		b.odd("the Content-Type cannot be read")
		mediaType, _, _ = strings.Cut(strings.ToLower(contentType), ";")
		mediaType = strings.TrimSpace(mediaType)
	}
	if depth < maxNesting && sniff(data) == "" && b.split(params["boundary"], data, depth) {
		return
	}
	b.add(mediaType, data)
}

// split takes a multipart body apart at its boundary, be it the one that the header names or another. It says whether
// there is one.
func (b *Body) split(boundary string, data []byte, depth int) bool {
	parts := b.cutParts(boundary, data)
	if parts == nil {
		if parts = b.cutParts(findBoundary(data), data); parts == nil {
			return false
		}
		b.odd("the boundary is not the one that the Content-Type names")
	}
	for _, part := range parts {
		contentType, content := cutHeader(part)
		b.parse(contentType, content, depth+1)
	}
	return true
}

// cutParts cuts a body at its delimiter lines (RFC 2046, 5.1.1), with any line ends and without the last one too.
func (b *Body) cutParts(boundary string, data []byte) (parts [][]byte) {
	if boundary == "" {
		return nil
	}
	delimiter, from := "--"+boundary, -1
	for at := 0; at < len(data); {
		line, rest := cutLine(data[at:])
		after, found := strings.CutPrefix(string(bytes.TrimSpace(line)), delimiter)
		if found && (after == "" || after == "--") {
			if from >= 0 {
				parts = append(parts, data[from:at])
			}
			if after != "" {
				return parts
			}
			if len(parts) == maxParts {
				b.odd("there are more parts than any client needs")
				return parts
			}
			from = len(data) - len(rest)
		}
		at = len(data) - len(rest)
	}
	if from < 0 {
		return nil
	}
	b.odd("the final boundary is missing")
	return append(parts, data[from:])
}

// findBoundary finds the first line that looks like a delimiter.
func findBoundary(data []byte) string {
	for len(data) > 0 {
		var line []byte
		line, data = cutLine(data)
		after, found := strings.CutPrefix(string(bytes.TrimSpace(line)), "--")
		if found && after != "" && len(after) <= 70 { // RFC 2046, 5.1.1
			return after
		}
	}
	return ""
}

// cutHeader cuts a part's header from its content. It ends at an empty line, or at the first that is no header field.
func cutHeader(part []byte) (contentType string, content []byte) {
	var last string // name of the field, for lines folded below it
	for len(part) > 0 {
		line, rest := cutLine(part)
		text := string(bytes.TrimSpace(line))
		name, value, ok := strings.Cut(text, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case text == "":
			return contentType, rest
		case last != "" && (line[0] == ' ' || line[0] == '\t') && text[0] != '<': // folded (RFC 3261, 7.3.1)
			value = text
		case !ok || name == "" || strings.ContainsAny(name, " \t=<"):
			return contentType, part
		default:
			last = name
		}
		if last == "content-type" {
			contentType += strings.TrimSpace(value)
		}
		part = rest
	}
	return contentType, nil
}

// add files a part under what it is.
func (b *Body) add(mediaType string, data []byte) {
	kind := sniff(data)
	switch {
	case kind == "":
		kind = mediaType
	case mediaType == "":
		b.odd("a part does not say what it is")
	case mediaType != kind && (kind != typeMetadata || mediaType != typeMetadataOld):
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

func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return line, rest
}

func (b *Body) odd(what string) {
	if !slices.Contains(b.Oddities, what) {
		b.Oddities = append(b.Oddities, what)
	}
}
