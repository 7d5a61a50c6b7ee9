package configs

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// Limits on a file. The parser takes time that grows with the square of tokens and of depth, so both are counted before it
// sees anything. A large configuration has some kilobytes, a thousand tokens, and is five deep.
const (
	maxFile   = 1 << 20 // bytes
	maxTokens = 10_000
	maxDepth  = 16
)

// unwanted is YAML that a configuration has no use for. Without it a short text is a small configuration.
var unwanted = map[token.Type]string{
	token.AnchorType:     "an anchor (&) means nothing here; write the value where it belongs, or in quotes",
	token.AliasType:      "an alias (*) means nothing here; write the value itself, or in quotes",
	token.MergeKeyType:   "<< means nothing here; write the keys themselves",
	token.TagType:        "a tag (!) means nothing here; write the value alone, or in quotes",
	token.DirectiveType:  "a directive (%) means nothing here",
	token.MappingKeyType: "? means nothing here; a key is a word and a colon",
}

// document is the tree of a file's only document; nil when it is empty or has problems.
func (d *decoder) document(text []byte) ast.Node {
	file := d.tree(text)
	if file == nil {
		return nil
	}
	var body ast.Node
	for i, doc := range file.Docs {
		if i > 0 {
			d.complain(position(doc), "", "a second document; a file holds one configuration")
			return nil
		}
		if doc.Body != nil && doc.Body.Type() != ast.NullType && doc.Body.Type() != ast.CommentType {
			body = doc.Body
		}
	}
	return body
}

// tree parses a file. It guards against a parser that gives up by panicking on text that is no YAML.
func (d *decoder) tree(text []byte) (file *ast.File) {
	if len(text) > maxFile {
		d.complain(nil, "", fmt.Sprintf("the file has more than %d bytes", maxFile))
		return nil
	}
	if !utf8.Valid(text) {
		d.complain(invalidUTF8(text), "", "this is no text in UTF-8")
		return nil
	}
	defer func() {
		if recover() != nil {
			d.complain(nil, "", "this is no YAML")
			file = nil
		}
	}()
	tokens, ok := d.tokens(strings.TrimPrefix(string(text), "\ufeff"))
	if !ok {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // told by pairs, with the key's path
	if err != nil {
		d.syntax(text, err)
		return nil
	}
	return file
}

// tokens reads a file's tokens, and complains of those that have no place in a configuration.
func (d *decoder) tokens(text string) (all token.Tokens, ok bool) {
	var (
		s     scanner.Scanner
		depth nesting
	)
	s.Init(text)
	ok = true
	for {
		some, err := s.Scan()
		if err == io.EOF {
			return all, ok
		}
		for _, t := range some {
			if text, is := unwanted[t.Type]; is {
				d.complain(t.Position, "", text)
				ok = false
			}
			if depth.add(t) > maxDepth {
				d.complain(t.Position, "", "nested too deep")
				return nil, false
			}
		}
		if all.Add(some...); len(all) > maxTokens {
			d.complain(all[maxTokens].Position, "", fmt.Sprintf("the file has more than %d words and signs", maxTokens))
			return nil, false
		}
	}
}

// nesting counts how deep a token is, by the brackets before it and by the columns of the lines that it belongs to.
type nesting struct {
	brackets int
	columns  []int
	line     int
}

func (n *nesting) add(t *token.Token) int {
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		n.brackets++
	case token.SequenceEndType, token.MappingEndType:
		n.brackets--
	}
	first := t.Position.Line != n.line
	n.line = t.Position.Line
	if n.brackets <= 0 && (first || t.Type == token.SequenceEntryType) {
		for len(n.columns) > 0 && n.columns[len(n.columns)-1] >= t.Position.Column {
			n.columns = n.columns[:len(n.columns)-1]
		}
		n.columns = append(n.columns, t.Position.Column)
	}
	return n.brackets + len(n.columns)
}

// plainer says in other words what the parser is known to complain of, and what would be right.
var plainer = []struct{ says, means string }{
	{"end character of", "a quote that opens here is not closed"},
	{"end token", "a bracket that opens here is not closed"},
	{"must be specified", "a bracket before this is not closed, or a comma is missing"},
	{"invalid key", "a key is a word, or text in quotes"},
	{"mapping value is not allowed", "a second colon in one value; put text that has a colon and a space in quotes"},
	{"could not find map value", "a key without a colon; right would be key: value"},
	{"non-map value is specified", "a key without a colon; right would be key: value"},
	{"unexpected key name", "a key without a colon; right would be key: value"},
	{"value is not allowed in this context", "this does not belong to the line above; look at the indentation"},
}

// syntax turns the parser's complaint into a problem.
func (d *decoder) syntax(text []byte, err error) {
	said, at := "this is no YAML", (*token.Position)(nil)
	if located, ok := err.(interface{ GetMessage() string }); ok { // Error would draw a picture of the file
		said = located.GetMessage()
	}
	if located, ok := err.(interface{ GetToken() *token.Token }); ok && located.GetToken() != nil {
		at = located.GetToken().Position
	}
	for _, p := range plainer {
		if strings.Contains(said, p.says) {
			said = p.means
		}
	}
	if at != nil && tabIndented(text, at.Line) {
		said = "this line begins with a tab; YAML takes spaces only"
	}
	d.complain(at, "", printable(said))
}

// tabIndented says whether there is a tab before the first word of a line.
func tabIndented(text []byte, line int) bool {
	for range line - 1 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	for _, c := range text {
		if c != ' ' {
			return c == '\t'
		}
	}
	return false
}

// invalidUTF8 is where a text stops being UTF-8.
func invalidUTF8(text []byte) *token.Position {
	at := &token.Position{Line: 1, Column: 1}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			return at
		case r == '\n':
			at.Line, at.Column = at.Line+1, 1
		default:
			at.Column++
		}
		text = text[size:]
	}
	return at
}

// printable makes a line that does a terminal no harm.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// scalarText is what a scalar node says; false for other nodes.
func scalarText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// position is where a node begins; nil when it does not say.
func position(node ast.Node) *token.Position {
	if doc, ok := node.(*ast.DocumentNode); ok {
		if doc.Start != nil {
			return doc.Start.Position
		}
		node = doc.Body
	}
	if mapping, ok := node.(ast.MapNode); ok { // its own token is the colon behind its first key
		if iter := mapping.MapRange(); iter.Next() {
			node = iter.Key()
		}
	}
	if node == nil || node.GetToken() == nil {
		return nil
	}
	return node.GetToken().Position
}
