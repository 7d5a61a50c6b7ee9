package recorder

import "strings"

// Route says for which calls, by which company, where and why recordings are kept. The first route that matches a call counts.
type Route struct {
	Name  string
	Match Match

	Controller string   // legal entity that the recording belongs to
	Residency  string   // where it may be kept
	Purposes   []string // why it is kept; what a purpose means is for package storage
}

// Match describes calls. An empty field matches every call.
type Match struct {
	Trunk     string
	Direction string // "in" or "out"
	Caller    string // a number, or the beginning of one and "*"
	Callee    string
}

// routeOf is the first route that matches; false when none does: such a call is recorded all the same, for no purpose.
func routeOf(routes []Route, trunk, direction, caller, callee string) (Route, bool) {
	for _, r := range routes {
		m := r.Match
		if matchField(m.Trunk, trunk) && matchField(m.Direction, direction) &&
			matchNumber(m.Caller, caller) && matchNumber(m.Callee, callee) {
			return r, true
		}
	}
	return Route{}, false
}

func matchField(want, got string) bool { return want == "" || want == got }

// matchNumber compares a number with a pattern: "+4722*" is every number that begins so.
func matchNumber(pattern, number string) bool {
	if pattern == "" {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(number, prefix)
	}
	return pattern == number
}
