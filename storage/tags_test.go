package storage

import (
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTags(t *testing.T) {
	r := Retention{
		Class:   ClassNormal,
		Expires: time.Date(2029, 5, 17, 9, 30, 0, 0, time.UTC),
		Minimum: time.Date(2027, 5, 17, 0, 0, 0, 0, time.UTC),
	}
	got := tagsOf("Telefaks Åsen AS", "no", []string{"training", "fraud:prevention"}, r)
	want := map[string]string{
		"controller": "Telefaks _sen AS", "residency": "no", "purposes": "training:fraud_prevention",
		"expires": "2029-05-18", "minimum": "2027-05-17", "class": "normal", "hold": "no",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got = tagsOf("", "", nil, Retention{Class: ClassQuarantine})
	if want := map[string]string{"class": "quarantine", "hold": "no"}; !maps.Equal(got, want) {
		t.Errorf("of a recording that nothing is known of: got %v, want %v", got, want)
	}
}

// FuzzTags checks that what a configuration may say never makes a set that a store refuses.
func FuzzTags(f *testing.F) {
	f.Add("company", "eu", "training", "proof")
	f.Add("a&b=c%", "\xff", strings.Repeat("å:", 200), strings.Repeat("x", 300))
	f.Fuzz(func(t *testing.T, controller, residency, p1, p2 string) {
		tags := tagsOf(controller, residency, []string{p1, p2}, Retention{Class: ClassNormal, Expires: time.Unix(1e9, 1)})
		if len(tags) > 10 {
			t.Errorf("%d tags", len(tags))
		}
		header := url.Values{}
		for k, v := range tags {
			header.Set(k, v)
			if len(v) > 256 || !utf8.ValidString(v) || strings.TrimSpace(v) != v || strings.ContainsFunc(v, func(r rune) bool { return !isTagRune(r) }) {
				t.Errorf("tag %s has the illegal value %q", k, v)
			}
		}
		if n := len(header.Encode()); n > 2048 {
			t.Errorf("the set takes %d bytes", n)
		}
	})
}
