package storage

import (
	"testing"
	"time"
)

const year = 365 * 24 * time.Hour

var testPurposes = map[string]Purpose{
	"training": {Keep: 90 * 24 * time.Hour},
	"proof":    {Keep: 3 * year, LegalMinimum: year},
	"orders":   {Keep: 5 * year, LegalMinimum: 5 * year, Statute: "MiFID II 16(7)"},
	"short":    {Keep: time.Hour, LegalMinimum: 2 * time.Hour},
}

func TestRetention(t *testing.T) {
	start := time.Date(2026, 5, 17, 9, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		name     string
		purposes []string
		want     Retention
	}{
		{"one purpose", []string{"training"}, Retention{ClassNormal, start.Add(90 * 24 * time.Hour), time.Time{}, false}},
		{"the last end counts", []string{"proof", "training"}, Retention{ClassNormal, start.Add(3 * year), start.Add(year), false}},
		{"a statute", []string{"training", "orders"}, Retention{ClassNormal, start.Add(5 * year), start.Add(5 * year), true}},
		{"never before the minimum", []string{"short"}, Retention{ClassNormal, start.Add(2 * time.Hour), start.Add(2 * time.Hour), false}},
		{"no purpose", nil, Retention{Class: ClassQuarantine}},
		{"an unknown purpose", []string{"gossip"}, Retention{Class: ClassQuarantine}},
		{"an unknown purpose beside a known", []string{"orders", "gossip"}, Retention{ClassQuarantine, time.Time{}, start.Add(5 * year), true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := retentionOf(testPurposes, tt.purposes, start); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
