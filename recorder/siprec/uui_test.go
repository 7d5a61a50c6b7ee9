package siprec

import (
	"errors"
	"strings"
	"testing"
)

func TestUserToUser(t *testing.T) {
	for field, want := range map[string]UserToUser{
		"543130303031;encoding=hex;purpose=isdn-uui":                  {Content: []byte("T10001"), Purpose: "isdn-uui"},
		`"543130303031" ; Purpose="help" ; Encoding=HEX`:              {Content: []byte("T10001"), Purpose: "help"},
		"04543130303031;encoding=hex":                                 {Content: []byte("T10001")},
		"04543130303031;encoding=hex;purpose=help":                    {Content: []byte("\x04T10001"), Purpose: "help"},
		"00FA080001;encoding=hex":                                     {Content: []byte("\x00\xfa\x08\x00\x01")},
		"04;encoding=hex":                                             {Content: []byte("\x04")},
		`"ticket=42; x";purpose="help"`:                               {Content: []byte("ticket=42; x"), Purpose: "help"},
		`"a\"b\\";purpose=help, "second";purpose=other;encoding=hex`:  {Content: []byte(`a"b\`), Purpose: "help"},
		"543130303031;encoding=hex, 54;encoding=hex;purpose=isdn-uui": {Content: []byte("T10001")},
		"T-9":             {Content: []byte("T-9")},
		"zz;encoding=hex": {Content: []byte("zz")},
	} {
		got, err := ParseUserToUser(field)
		if err != nil || string(got.Content) != string(want.Content) || got.Purpose != want.Purpose {
			t.Errorf("%s: got %q %q %v, want %q %q", field, got.Content, got.Purpose, err, want.Content, want.Purpose)
		}
	}
}

func TestUserToUserRefuses(t *testing.T) {
	for _, field := range []string{"", `"open`, `"open\`, `""`, ";encoding=hex", strings.Repeat("4", maxUserToUser+1)} {
		if u, err := ParseUserToUser(field); !errors.Is(err, ErrUserToUser) {
			t.Errorf("%.20q gave %q, %v", field, u.Content, err)
		}
	}
}

// FuzzUserToUser: content is never empty and never longer than the field, and content without anything special is itself.
func FuzzUserToUser(f *testing.F) {
	f.Add("543130303031;encoding=hex")
	f.Add(`"a\"b";purpose=x`)
	f.Fuzz(func(t *testing.T, field string) {
		u, err := ParseUserToUser(field)
		if err == nil && (len(u.Content) == 0 || len(u.Content) > len(field)) {
			t.Fatalf("%q gave %q", field, u.Content)
		}
		plain := field != "" && len(field) <= maxUserToUser && strings.TrimSpace(field) == field && !strings.ContainsAny(field, "\";\x04")
		if plain && (err != nil || string(u.Content) != field) {
			t.Fatalf("%q gave %q, %v", field, u.Content, err)
		}
	})
}
