package storage

import (
	"bytes"
	"testing"
)

func TestPseudonym(t *testing.T) {
	key := bytes.Repeat([]byte{7}, minPseudonymKey)
	one := pseudonym(key, "+47 22 00 00 00")
	if len(one) != 64 {
		t.Errorf("got %q, want 64 digits", one)
	}
	if two := pseudonym(key, "tel:+47-2200-0000"); two != one {
		t.Errorf("the same number written otherwise: got %q, want %q", two, one)
	}
	if other := pseudonym(key, "22000000"); other == one {
		t.Error("a number without its country is another number")
	}
	if other := pseudonym(bytes.Repeat([]byte{8}, minPseudonymKey), "+4722000000"); other == one {
		t.Error("another key gives the same pseudonym")
	}
	if none := pseudonym(key, "anonymous"); none != "" {
		t.Errorf("a party without a number: got %q", none)
	}
}

func TestNormalNumber(t *testing.T) {
	for in, want := range map[string]string{
		"+47 (22) 00-00.00": "+4722000000", "22000000": "22000000", "0047 22": "004722", "+": "", "": "", "a1+2": "12",
	} {
		if got := normalNumber(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzNormalNumber(f *testing.F) {
	f.Add("+47 22 00 00 00")
	f.Fuzz(func(t *testing.T, s string) {
		if once := normalNumber(s); normalNumber(once) != once {
			t.Errorf("%q is not normal: it becomes %q", once, normalNumber(once))
		}
	})
}
