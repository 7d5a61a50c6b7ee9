package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder reads a document into a Config and gathers what does not fit.
type decoder struct {
	*source
	problems Problems
	bad      map[string]bool // keys whose values could not be read: nothing more is said of them
}

// complain adds a problem with a value that can be read all the same.
func (d *decoder) complain(at *token.Position, key, text string) {
	d.problems = append(d.problems, d.problemAt(at, key, text))
}

// reject adds a problem with a value that cannot be read.
func (d *decoder) reject(at *token.Position, key, text string) {
	d.complain(at, key, text)
	d.bad[key] = true
}

// value reads a node into a value of any type that a configuration has. What it holds before is the default.
func (d *decoder) value(node ast.Node, into reflect.Value, key string) {
	if d.places[key] == nil {
		d.places[key] = position(node)
	}
	if node.Type() == ast.NullType && into.Kind() != reflect.Struct {
		d.reject(position(node), key, "nothing is given; give a value, or remove the key")
		return
	}
	if t, ok := into.Addr().Interface().(textual); ok {
		d.text(node, t, key)
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.value(node, into.Elem(), key)
	case reflect.Struct:
		d.structure(node, into, key)
	case reflect.Map:
		d.mapping(node, into, key)
	case reflect.Slice:
		d.sequence(node, into, key)
	default:
		d.scalar(node, into, key)
	}
}

// text reads a value that is one string.
func (d *decoder) text(node ast.Node, into textual, key string) {
	s, ok := scalarText(node)
	if !ok {
		d.reject(position(node), key, "a single value belongs here")
		return
	}
	if err := into.parse(s); err != nil {
		d.reject(position(node), key, err.Error())
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
		d.reject(position(node), key, "text belongs here")
	case reflect.Bool:
		if b, isBool := node.(*ast.BoolNode); isBool {
			into.SetBool(b.Value)
			return
		}
		d.reject(position(node), key, "right would be true or false")
	case reflect.Int:
		n, err := strconv.Atoi(s)
		if ok && err == nil && strconv.Itoa(n) == s { // 010 is eight to some, ten to others
			into.SetInt(int64(n))
			return
		}
		d.reject(position(node), key, "a whole number belongs here")
	}
}

// structure reads a mapping into a struct: its keys are the fields' names.
func (d *decoder) structure(node ast.Node, into reflect.Value, key string) {
	fields := make(map[string]reflect.Value)
	for i := range into.NumField() {
		if name := into.Type().Field(i).Tag.Get("yaml"); name != "" {
			fields[name] = into.Field(i)
		}
	}
	d.pairs(node, key, func(name string, at *token.Position, value ast.Node) {
		if field, known := fields[name]; known {
			d.places[join(key, name)] = at
			d.value(value, field, join(key, name))
			return
		}
		d.unknown(key, name, at, keys(fields))
	})
}

// unknown complains of a key that a mapping does not know, and guesses what was meant.
func (d *decoder) unknown(key, name string, at *token.Position, known []string) {
	text := "unknown key; known are " + strings.Join(known, ", ")
	if near := closest(name, known); near != "" {
		text = fmt.Sprintf("unknown key; %s was probably meant", near)
		d.bad[join(key, near)] = true // it is there, misspelt: do not say that it is missing
	} else if there := elsewhere(name); len(there) > 0 && len(there) < 5 {
		text = fmt.Sprintf("unknown key here; known is %s", strings.Join(there, ", "))
	}
	d.reject(at, join(key, name), text)
}

// mapping reads a mapping whose keys are names that the file chooses.
func (d *decoder) mapping(node ast.Node, into reflect.Value, key string) {
	into.Set(reflect.MakeMap(into.Type()))
	d.pairs(node, key, func(name string, at *token.Position, value ast.Node) {
		v := reflect.New(into.Type().Elem()).Elem()
		d.places[join(key, name)] = at
		d.value(value, v, join(key, name))
		into.SetMapIndex(reflect.ValueOf(name), v)
	})
}

// pairs calls fn for each key of a mapping, and complains of one that comes twice.
func (d *decoder) pairs(node ast.Node, key string, fn func(name string, at *token.Position, value ast.Node)) {
	if node.Type() == ast.NullType {
		return
	}
	mapping, ok := node.(ast.MapNode)
	if !ok {
		d.reject(position(node), key, "keys belong here, each with a value")
		return
	}
	seen := make(map[string]int)
	for iter := mapping.MapRange(); iter.Next(); {
		at := position(iter.Key())
		name, ok := scalarText(iter.Key())
		if !ok {
			d.reject(at, key, "a key is a word")
			continue
		}
		if line, twice := seen[name]; twice {
			d.complain(at, join(key, name), fmt.Sprintf("this key is in line %d already; keep one of them", line))
			continue
		}
		seen[name] = at.Line
		fn(name, at, iter.Value())
	}
}

// sequence reads a list. One value alone is a list of one.
func (d *decoder) sequence(node ast.Node, into reflect.Value, key string) {
	values := []ast.Node{node}
	if list, ok := node.(*ast.SequenceNode); ok {
		values = list.Values
	}
	into.Set(reflect.MakeSlice(into.Type(), len(values), len(values)))
	for i, v := range values {
		item := fmt.Sprintf("%s[%d]", key, i)
		if v.Type() == ast.NullType {
			d.reject(position(v), item, "nothing is given; give a value, or remove the dash")
			continue
		}
		d.value(v, into.Index(i), item)
	}
}

// mute says whether enough has been said of a key: its own value, one above it or one in it could not be read.
func (d *decoder) mute(key string) bool {
	for bad := range d.bad {
		if under(key, bad) || under(bad, key) {
			return true
		}
	}
	return false
}

func keys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
