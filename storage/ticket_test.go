package storage

import (
	"strings"
	"testing"
)

func TestValidTicket(t *testing.T) {
	for _, s := range []string{"1", "4711", "T-4711", "#4711", "rt/4711", "zammad:12.3", "A_b", strings.Repeat("9", 64)} {
		if got, want := ValidTicket(s), s[0] != '#'; got != want {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
	for _, s := range []string{"", " 1", "1 ", "1\n", "-1", "1;2", "å1", "1å", strings.Repeat("9", 65)} {
		if ValidTicket(s) {
			t.Errorf("%q is valid", s)
		}
	}
}
