package storage

import (
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"linewarden/storage/vault"
)

// objectKey is where a part of a recording lies in the vault: rec/2026/05/17/<id>/audio.wav.age. It follows from the id and
// the name alone, so that a retry, whenever it comes, has the same key. The day (UTC) is the one the id was made on.
func objectKey(id, name string) (vault.Key, error) {
	at, err := idTime(id)
	if err != nil {
		return "", err
	}
	return vault.Key("rec/" + at.Format("2006/01/02") + "/" + id + "/" + name + ".age"), nil
}

func idTime(id string) (time.Time, error) {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}, fmt.Errorf("read recording id: %w", err)
	}
	return u.Timestamp().UTC(), nil
}
