package storage

import (
	"strings"
	"time"
)

// maxTagValue in characters. S3 takes 256, but only 2 KB for a whole set of at most 10, in which the characters that are no
// letters may count three times: three free values of this length fit with what else is in a set.
const maxTagValue = 128

// tagsOf are the tags of every object of a recording. They are for lifecycle rules of the store and for people; what
// happens to a recording is decided by the ledger.
func tagsOf(controller, residency string, purposes []string, r Retention) map[string]string {
	tags := map[string]string{
		"controller": tagValue(controller),
		"residency":  tagValue(residency),
		"purposes":   joinTags(purposes),
		"expires":    tagDate(r.Expires),
		"minimum":    tagDate(r.Minimum),
		"class":      tagValue(r.Class),
		"hold":       "no",
	}
	for k, v := range tags {
		if v == "" {
			delete(tags, k)
		}
	}
	return tags
}

// tagValue makes s a tag value that every store takes: letters and digits of ASCII, space and _ . : / = + - @ .
func tagValue(s string) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() == maxTagValue {
			break
		}
		if !isTagRune(r) {
			r = '_'
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

func isTagRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r < 0x80 && strings.ContainsRune(" _.:/=+-@", r)
}

// joinTags lists names in one value, "a:b:c". What does not fit is left out whole.
func joinTags(names []string) string {
	joined := ""
	for _, name := range names {
		name = strings.ReplaceAll(tagValue(name), ":", "_")
		switch {
		case name == "":
		case joined == "":
			joined = name
		case len(joined)+1+len(name) <= maxTagValue:
			joined += ":" + name
		}
	}
	return joined
}

// tagDate is the first whole day (UTC) that lies after t, so that a rule that goes by the date is never early.
func tagDate(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	day := t.UTC().Truncate(24 * time.Hour)
	if day.Before(t) {
		day = day.Add(24 * time.Hour)
	}
	return day.Format(time.DateOnly)
}
