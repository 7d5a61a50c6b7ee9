package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxFile  = 1 << 20 // bytes; a configuration has some kilobytes
	maxDepth = 16      // of nesting; the deepest key is at five
)

// decoder reads a document into a struct and gathers what does not fit.
type decoder struct {
	file     string
	problems Problems
	places   map[string]*token.Position // of every key that was read, for checks that come later
}

// decode reads a file's text into c.
func (d *decoder) decode(text []byte, c *Config) {
	if len(text) > maxFile {
		d.add(nil, "", fmt.Sprintf("the file has more than %d bytes", maxFile))
		return
	}
	file, err := parseYAML(text)
	if err != nil {
		d.syntax(err)
		return
	}
	for i, doc := range file.Docs {
		if i > 0 {
			d.add(doc.GetToken().Position, "", "a second document; one file holds one configuration")
			return
		}
		if doc.Body != nil && doc.Body.Type() != ast.NullType && doc.Body.Type() != ast.CommentType {
			d.value(doc.Body, reflect.ValueOf(c).Elem(), "", 0)
		}
	}
}

// parseYAML guards against a parser that gives up by panicking on text that is no YAML.
func parseYAML(text []byte) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("this is no YAML")
		}
	}()
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey()) // told by pairs, with the key's path
}

// syntax turns the parser's complaint into a problem.
func (d *decoder) syntax(err error) {
	text, position := err.Error(), (*token.Position)(nil)
	if located, ok := err.(interface{ GetToken() *token.Token }); ok && located.GetToken() != nil {
		position = located.GetToken().Position
	}
	if located, ok := err.(interface{ GetMessage() string }); ok {
		text = located.GetMessage()
	}
	first, _, _ := strings.Cut(text, "\n")
	d.add(position, "", first)
}

func (d *decoder) add(at *token.Position, key, text string) {
	p := Problem{File: d.file, Line: 1, Column: 1, Key: key, Text: text}
	if at != nil {
		p.Line, p.Column = max(1, at.Line), max(1, at.Column)
	}
	d.problems = append(d.problems, p)
}

// value reads a node into a value of any type that a configuration has.
func (d *decoder) value(node ast.Node, into reflect.Value, key string, depth int) {
	if depth > maxDepth {
		d.add(position(node), key, "nested too deep")
		return
	}
	if d.places[key] == nil {
		d.places[key] = position(node)
	}
	if into.CanAddr() {
		if t, ok := into.Addr().Interface().(textual); ok {
			d.text(node, t, key)
			return
		}
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.value(node, into.Elem(), key, depth)
	case reflect.Struct:
		d.structure(node, into, key, depth)
	case reflect.Map:
		d.mapping(node, into, key, depth)
	case reflect.Slice:
		d.sequence(node, into, key, depth)
	default:
		d.scalar(node, into, key)
	}
}

// text reads a value that is one string.
func (d *decoder) text(node ast.Node, into textual, key string) {
	s, ok := scalarText(node)
	if !ok {
		d.add(position(node), key, "a single value belongs here")
		return
	}
	if err := into.parse(s); err != nil {
		d.add(position(node), key, err.Error())
	}
}

func (d *decoder) scalar(node ast.Node, into reflect.Value, key string) {
	s, ok := scalarText(node)
	switch into.Kind() {
	case reflect.String:
		if ok {
			into.SetString(s)
			return
		}
		d.add(position(node), key, "text belongs here")
	case reflect.Bool:
		if b, isBool := node.(*ast.BoolNode); isBool {
			into.SetBool(b.Value)
			return
		}
		d.add(position(node), key, "right would be true or false")
	case reflect.Int:
		var n int
		if _, err := fmt.Sscanf(s, "%d", &n); ok && err == nil && fmt.Sprint(n) == s {
			into.SetInt(int64(n))
			return
		}
		d.add(position(node), key, "a whole number belongs here")
	}
}

// structure reads a mapping into a struct: its keys are the fields' names.
func (d *decoder) structure(node ast.Node, into reflect.Value, key string, depth int) {
	fields := make(map[string]reflect.Value)
	var names []string
	for i := range into.NumField() {
		name := into.Type().Field(i).Tag.Get("yaml")
		fields[name], names = into.Field(i), append(names, name)
	}
	d.pairs(node, key, func(name string, at *token.Position, value ast.Node) {
		field, known := fields[name]
		switch {
		case known:
			d.places[join(key, name)] = at
			d.value(value, field, join(key, name), depth+1)
		case closest(name, names) != "":
			d.add(at, join(key, name), fmt.Sprintf("unknown key; %s was probably meant", closest(name, names)))
		default:
			slices.Sort(names)
			d.add(at, join(key, name), "unknown key; known are "+strings.Join(names, ", "))
		}
	})
}

// mapping reads a mapping whose keys are names that the file chooses.
func (d *decoder) mapping(node ast.Node, into reflect.Value, key string, depth int) {
	into.Set(reflect.MakeMap(into.Type()))
	d.pairs(node, key, func(name string, at *token.Position, value ast.Node) {
		v := reflect.New(into.Type().Elem()).Elem()
		d.places[join(key, name)] = at
		d.value(value, v, join(key, name), depth+1)
		into.SetMapIndex(reflect.ValueOf(name), v)
	})
}

// pairs calls fn for each key of a mapping, and complains of one that comes twice.
func (d *decoder) pairs(node ast.Node, key string, fn func(name string, at *token.Position, value ast.Node)) {
	mapping, ok := node.(ast.MapNode)
	if !ok {
		if node.Type() != ast.NullType {
			d.add(position(node), key, "keys belong here, each with a value")
		}
		return
	}
	seen := make(map[string]bool)
	for iter := mapping.MapRange(); iter.Next(); {
		name, at := iter.Key().String(), iter.Key().GetToken().Position
		if s, ok := scalarText(iter.Key()); ok {
			name = s
		}
		if seen[name] {
			d.add(at, join(key, name), "this key is there twice")
			continue
		}
		seen[name] = true
		fn(name, at, iter.Value())
	}
}

// sequence reads a list. One value alone is a list of one.
func (d *decoder) sequence(node ast.Node, into reflect.Value, key string, depth int) {
	list, ok := node.(*ast.SequenceNode)
	values := []ast.Node{node}
	if ok {
		values = list.Values
	}
	into.Set(reflect.MakeSlice(into.Type(), len(values), len(values)))
	for i, v := range values {
		d.value(v, into.Index(i), fmt.Sprintf("%s[%d]", key, i), depth+1)
	}
}

// scalarText is what a scalar node says; false for other nodes, anchors and tags among them.
func scalarText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func position(node ast.Node) *token.Position {
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

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
