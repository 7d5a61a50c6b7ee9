package siprec

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// element is a node of a document.
type element struct {
	space, name string
	attrs       []xml.Attr
	text        string // directly within it, trimmed
	children    []*element

	raw []byte // text until the element ends
}

func (e *element) lower() string { return strings.ToLower(e.name) }

// attr is the first attribute that has one of the names, the first name first.
func (e *element) attr(names ...string) string {
	for _, name := range names {
		for _, a := range e.attrs {
			if strings.EqualFold(a.Name.Local, name) {
				return strings.TrimSpace(a.Value)
			}
		}
	}
	return ""
}

// child is the text of the first element of this name within.
func (e *element) child(name string) string {
	for _, c := range e.children {
		if strings.EqualFold(c.name, name) {
			return c.text
		}
	}
	return ""
}

func (e *element) end() {
	e.text, e.raw = strings.TrimSpace(string(e.raw)), nil
}

// parseTree reads a document without trusting it: entities stay what they are, and the number and depth of elements is
// bounded. It is not whole when it breaks off or cannot be read from some point on.
func parseTree(doc []byte) (root *element, whole bool, err error) {
	d := xml.NewDecoder(bytes.NewReader(doc))
	d.Strict = false
	top := &element{}
	stack := []*element{top}
	for count := 0; ; {
		token, err := d.Token()
		if err != nil {
			whole = errors.Is(err, io.EOF)
			break
		}
		parent := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if count++; count > maxElements || len(stack) > maxDepth {
				return nil, false, errMetadataDeep
			}
			e := &element{space: t.Name.Space, name: t.Name.Local, attrs: t.Attr}
			parent.children = append(parent.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			if parent != top {
				parent.end()
				stack = stack[:len(stack)-1]
			}
		case xml.CharData:
			parent.raw = append(parent.raw, t...)
		}
	}
	for _, e := range stack {
		e.end()
	}
	if len(top.children) == 0 {
		return nil, false, errMetadataRoot
	}
	return top.children[0], whole, nil
}

// readable makes of a document what the XML decoder reads: UTF-8 without control characters, and without a declaration,
// which says no more than that. Bytes that are no UTF-8 are taken for Latin-1, whatever the declaration says.
func readable(doc []byte) (clean []byte, utf bool) {
	doc = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(doc), []byte("\ufeff")))
	if bytes.HasPrefix(doc, []byte("<?xml")) {
		if _, after, ok := bytes.Cut(doc, []byte("?>")); ok {
			doc = after
		}
	}
	if utf = utf8.Valid(doc); !utf {
		runes := make([]rune, len(doc))
		for i, b := range doc {
			runes[i] = rune(b)
		}
		doc = []byte(string(runes))
	}
	return bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff' {
			return ' '
		}
		return r
	}, doc), utf
}
