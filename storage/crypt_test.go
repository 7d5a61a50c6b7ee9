package storage

import (
	"strings"
	"testing"
)

func TestKeychain(t *testing.T) {
	one, oneR, err := GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	two, twoR, err := GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		recipient, identity string
		good                bool
	}{
		"a pair":                       {oneR, one, true},
		"read from files":              {"# support\n" + oneR + "\n", "# secret\n" + one + "\n", true},
		"a node that cannot read":      {oneR, "", true},
		"a new key beside the old one": {twoR, two + "\n" + one, true},
		"two readers":                  {oneR + "\n" + twoR, two, true},
		"another's identity":           {oneR, two, false},
		"no recipient":                 {"", one, false},
		"no identity at all":           {oneR, "secret", false},
		"the identity as recipient":    {one, one, false},
	} {
		k, err := newKeychain(tt.recipient, tt.identity)
		if err == nil {
			err = k.try()
		}
		if (err == nil) != tt.good {
			t.Errorf("%s: got %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), one[20:]) || strings.Contains(err.Error(), two[20:])) {
			t.Errorf("%s: the error has the secret", name)
		}
	}
}
