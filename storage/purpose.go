package storage

import "time"

// Purpose is a reason to keep a recording, with the time it lasts.
type Purpose struct {
	Keep         time.Duration // from the start of the call
	LegalMinimum time.Duration // from the start of the call; nothing may be erased before; 0 where no law asks for one
	Statute      string        // the law that asks for the minimum; "" when the operator does
}

// Classes of retention.
const (
	ClassNormal = "normal"
	// ClassQuarantine is for a recording whose purposes are not known. It is kept without end until a person decides.
	ClassQuarantine = "quarantine"
)

// Retention is what the purposes of a recording ask for, together.
type Retention struct {
	Class      string
	Expires    time.Time // when the last purpose ends; zero in quarantine
	Minimum    time.Time // when the last legal minimum ends; zero when there is none
	Compliance bool      // a statute asks for the minimum, so nobody may shorten it
}

// retentionOf works out how long a recording that has the named purposes is kept. The store is asked to lock it until
// Minimum only: a lock up to the planned end would make erasure impossible where a user has a right to it.
func retentionOf(purposes map[string]Purpose, names []string, started time.Time) Retention {
	r := Retention{Class: ClassNormal}
	if len(names) == 0 {
		r.Class = ClassQuarantine
	}
	for _, name := range names {
		p, known := purposes[name]
		if !known {
			r.Class = ClassQuarantine // but the minimums of the others hold
			continue
		}
		r.Expires = later(r.Expires, started.Add(p.Keep))
		if p.LegalMinimum > 0 {
			r.Minimum = later(r.Minimum, started.Add(p.LegalMinimum))
			r.Compliance = r.Compliance || p.Statute != ""
		}
	}
	r.Expires = later(r.Expires, r.Minimum)
	if r.Class == ClassQuarantine {
		r.Expires = time.Time{}
	}
	return r
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
