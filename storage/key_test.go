package storage

import "testing"

func TestObjectKey(t *testing.T) {
	got, err := objectKey("01JVEX1JP0000000000000TEST", "audio.wav")
	if want := "rec/2025/05/17/01JVEX1JP0000000000000TEST/audio.wav.age"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if key, err := objectKey("../../etc", "audio.wav"); err == nil {
		t.Errorf("got %q for an id that is none", key)
	}
}
