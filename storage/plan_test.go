package storage

import (
	"encoding/json"
	"path"
	"reflect"
	"strings"
	"testing"
	"time"
)

// FuzzPlan reads any bytes as a plan. What is taken for one names objects of its own recording only and files of its own
// entry only, and is written again as it was read.
func FuzzPlan(f *testing.F) {
	id := call(0).ID
	p := plan{Version: planVersion, ID: id, MadeAt: callsBegan, Tags: map[string]string{"class": "normal"}, Stored: recordingStored{
		Minimum: callsBegan.Add(year),
		Parts:   []storedPart{{Name: "key", Key: "rec/2026/05/17/" + id + "/key.age", StoredSize: 274}},
	}}
	good, err := json.Marshal(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(strings.ReplaceAll(string(good), `"key"`, `"../key"`)))
	f.Add([]byte(strings.ReplaceAll(string(good), "2026/05/17", "2026/05/18")))
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePlan(data, id)
		if err != nil {
			return
		}
		for _, part := range p.Stored.Parts {
			if path.Dir(part.Key) != "rec/2026/05/17/"+id || strings.ContainsAny(part.Name, "/\x00") || part.Name == ".." {
				t.Errorf("takes a part %q with the key %q", part.Name, part.Key)
			}
		}
		again, err := json.Marshal(p)
		if err != nil { // a year beyond 9999
			return
		}
		q, err := parsePlan(again, id)
		if err != nil || !reflect.DeepEqual(roundTimes(p), roundTimes(q)) {
			t.Errorf("read again: got %+v, %v, want %+v", q, err, p)
		}
	})
}

// roundTimes makes two readings of the same instant equal.
func roundTimes(p *plan) plan {
	q := *p
	for _, t := range []*time.Time{&q.MadeAt, &q.Stored.StartedAt, &q.Stored.EndedAt, &q.Stored.Expires, &q.Stored.Minimum} {
		*t = t.UTC()
	}
	return q
}
