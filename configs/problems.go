package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	File   string
	Line   int // from 1
	Column int
	Key    string // path: routes[2].purposes[0]
	Text   string // what is wrong, and what would be right
}

func (p Problem) String() string {
	where := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Key == "" {
		return where + p.Text
	}
	return where + p.Key + ": " + p.Text
}

func (p Problem) Error() string { return p.String() }

// Problems are all that is wrong with a file, in its order.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Key, b.Key))
	})
}

// source says where in a file its settings stand.
type source struct {
	file   string
	places map[string]*token.Position // by key path
}

// problem is one at a key, or at the nearest key above it that the file has.
func (s *source) problem(key, text string) Problem {
	at := key
	for at != "" && s.places[at] == nil {
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	return s.problemAt(s.places[at], key, text)
}

func (s *source) problemAt(at *token.Position, key, text string) Problem {
	p := Problem{File: s.file, Line: 1, Column: 1, Key: key, Text: text}
	if at != nil {
		p.Line, p.Column = max(1, at.Line), max(1, at.Column)
	}
	return p
}

// maxQuoted is how many characters of a wrong value are shown: enough to know it again.
const maxQuoted = 60

func quote(s string) string {
	if r := []rune(s); len(r) > maxQuoted {
		s = string(r[:maxQuoted]) + "…"
	}
	return strconv.Quote(s)
}

// join makes the path of a key. A name that is no plain word is quoted, so that a path is one line.
func join(key, name string) string {
	plain := !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if !plain || name == "" || len(name) > maxQuoted {
		name = quote(name)
	}
	if key == "" {
		return name
	}
	return key + "." + name
}

// under says whether a key path is above's own or lies beneath it.
func under(key, above string) bool {
	rest, ok := strings.CutPrefix(key, above)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
