package recorder

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"linewarden/recorder/client"
	"linewarden/storage/spool"
)

// crash copies the spool as a power cut would leave it, opens the copy, and recovers it. damage may change the copy of each
// entry before that.
func (r *rig) crash(damage func(dir string)) []*spool.Entry {
	r.t.Helper()
	entries, err := r.spool.Entries()
	if err != nil {
		r.t.Fatal(err)
	}
	dir := filepath.Join(r.t.TempDir(), "copy")
	for _, e := range entries {
		to := filepath.Join(dir, e.ID())
		if err := os.CopyFS(to, os.DirFS(e.Dir())); err != nil {
			r.t.Fatal(err)
		}
		if damage != nil {
			damage(to)
		}
	}
	sp, err := spool.Open(dir, spool.Options{Log: r.config.Log})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { sp.Close() })
	var sealed []*spool.Entry
	n, err := Recover(r.config, sp, func(e *spool.Entry) { sealed = append(sealed, e) }, func(int, int) {})
	if err != nil || n != len(sealed) || n != len(entries) {
		r.t.Fatalf("recovered %d and handed on %d of %d entries, %v", n, len(sealed), len(entries), err)
	}
	for _, e := range sealed {
		if err := e.Verify(); err != nil {
			r.t.Error(err)
		}
	}
	return sealed
}

// openCall makes a call that goes on, with so many packets on the disk, and says what was said in it.
func openCall(t *testing.T, r *rig, packets int) (said []byte) {
	t.Helper()
	c := dialRaw(t, r)
	metadata := `<recording xmlns="urn:ietf:params:xml:ns:recording:1"><participant participant_id="p"><nameID aor="tel:+15550142"/></participant></recording>`
	m := c.ask("INVITE", multipart+"X-Ticket-ID: T-1\n", withMetadata(offerOf("1 4000 sendonly"), metadata))
	conn := mediaFrom(t, "127.0.0.1", answeredPorts(t, m)[0])
	for n := range packets {
		b := voicePacket(0, n)
		conn.Write(b)
		said = append(said, b[12:]...)
	}
	entries, err := r.spool.Entries()
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	waitFor(t, func() bool { return bytes.Count(mediaLog(t, entries[0]), voicePacket(0, packets-1)) == 1 })
	return said
}

func TestRecoverAfterCrash(t *testing.T) {
	r := newRig(t, nil)
	said := openCall(t, r, 50)
	for name, damage := range map[string]func(dir string){
		"by the book": nil,
		"torn packet": func(dir string) { appendTo(t, filepath.Join(dir, "media.rtplog"), "half a rec") },
		"torn note":   func(dir string) { appendTo(t, filepath.Join(dir, "journal.jsonl"), `{"at":"2026-`) },
		"half-finished": func(dir string) { // the crash came while it was being finalised
			appendTo(t, filepath.Join(dir, partAudio), "RIFF half")
			appendTo(t, filepath.Join(dir, partPeaks), "{")
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := r.crash(damage)[0]
			m := r.manifest(e)
			if m.EndReason != EndRestart || !m.Interrupted || m.EndedAt.Before(m.StartedAt) {
				t.Errorf("end reason %q, interrupted %v, from %v to %v", m.EndReason, m.Interrupted, m.StartedAt, m.EndedAt)
			}
			if m.Caller.Number != "+15550142" || len(m.Tickets) != 1 || m.Route != "all" || len(m.Channels) != 1 || m.Channels[0].Packets != 50 {
				t.Errorf("manifest %+v", m)
			}
			wav, err := os.ReadFile(filepath.Join(e.Dir(), partAudio))
			if err != nil || !bytes.Contains(wav, said) {
				t.Errorf("what was said is not in %d bytes of audio, %v", len(wav), err)
			}
		})
	}
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// TestRecoverWithoutMedia: the daemon died between making the entry and answering, or before the first packet.
func TestRecoverWithoutMedia(t *testing.T) {
	r := newRig(t, nil)
	at := time.Now()
	for i, first := range []any{opening{Node: "test", SIP: spool.SIP{CallID: "c"}}, "an opening that nobody can read", nil} {
		id := ulid.MustNew(ulid.Timestamp(at)+uint64(i), ulid.DefaultEntropy()).String()
		if _, err := r.spool.Create(id, at, first); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range r.crash(nil) {
		m := r.manifest(e)
		if m.EndReason != EndRestart || !m.Interrupted || m.Audio.Frames != 0 || !m.EndedAt.Equal(m.StartedAt) {
			t.Errorf("end reason %q, interrupted %v, %d frames", m.EndReason, m.Interrupted, m.Audio.Frames)
		}
	}
}

// TestRecoverAfterTheEnd: the crash came after the BYE and before the seal, so the call is told as it ended.
func TestRecoverAfterTheEnd(t *testing.T) {
	r := newRig(t, nil)
	if _, err := client.Place(t.Context(), client.Call{Server: r.addr("tcp"), Transport: "tcp", Duration: 200 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	want := r.manifest(r.waitSealed())
	e := r.crash(func(dir string) {
		for _, name := range []string{"seal.json", "manifest.json", partAudio, partPeaks} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	})[0]
	got := r.manifest(e)
	if got.EndReason != EndBye || got.Interrupted || !got.EndedAt.Equal(want.EndedAt) || got.Audio != want.Audio {
		t.Errorf("recovered manifest %+v, want %+v", got, want)
	}
}

// TestRecoverTellsWhatItCannot: an entry that cannot be finalised stays, and keeps no other from being recovered.
func TestRecoverTellsWhatItCannot(t *testing.T) {
	r := newRig(t, nil)
	at := time.Now()
	var first *spool.Entry
	for i := range 2 {
		id := ulid.MustNew(ulid.Timestamp(at)+uint64(i), ulid.DefaultEntropy()).String()
		e, err := r.spool.Create(id, at, opening{})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = e
		}
	}
	if err := os.Mkdir(filepath.Join(first.Dir(), partAudio), 0o700); err != nil { // in the way of the audio
		t.Fatal(err)
	}
	var sealed []string
	n, err := Recover(r.config, r.spool, func(e *spool.Entry) { sealed = append(sealed, e.ID()) }, func(int, int) {})
	if err != nil || n != 1 || len(sealed) != 1 || sealed[0] == first.ID() {
		t.Errorf("recovered %d, handed on %v, %v", n, sealed, err)
	}
	if !strings.Contains(r.log.String(), "it stays in the spool") {
		t.Error("the log does not tell of the entry that stays")
	}
}
