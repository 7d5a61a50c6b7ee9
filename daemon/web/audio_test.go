package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"linewarden/storage/vault"
	"linewarden/storage/vault/vaulttest"
)

func TestAudio(t *testing.T) {
	r := newRig(t, 1)
	token, _ := r.token(RoleAgent, time.Hour)
	rec := decode[recording](t, r.get(token, "/v1/recordings/"+call(0).ID))
	tag, n := `"`+rec.SHA256+`"`, len(r.wav)
	for _, c := range []struct {
		name   string
		header []string
		status int
		body   []byte
		about  string // Content-Range
	}{
		{"whole", nil, 200, r.wav, ""},
		{"first bytes", []string{"Range", "bytes=0-3"}, 206, r.wav[:4], fmt.Sprintf("bytes 0-3/%d", n)},
		{"from the middle", []string{"Range", "bytes=1000-"}, 206, r.wav[1000:], fmt.Sprintf("bytes 1000-%d/%d", n-1, n)},
		{"last bytes", []string{"Range", "bytes=-5"}, 206, r.wav[n-5:], fmt.Sprintf("bytes %d-%d/%d", n-5, n-1, n)},
		{"unchanged since", []string{"Range", "bytes=0-3", "If-Range", tag}, 206, r.wav[:4], fmt.Sprintf("bytes 0-3/%d", n)},
		{"changed since", []string{"Range", "bytes=0-3", "If-Range", `"other"`}, 200, r.wav, ""},
		{"known already", []string{"If-None-Match", tag}, 304, nil, ""},
	} {
		res := r.get(token, rec.AudioURL, c.header...)
		if res.StatusCode != c.status || !bytes.Equal(res.body, c.body) || res.Header.Get("Content-Range") != c.about || res.Header.Get("ETag") != tag {
			t.Errorf("%s: got %s, %d bytes, headers %v", c.name, res.Status, len(res.body), res.Header)
		}
		if got := res.Header.Get("Cache-Control"); got != "no-store, private" {
			t.Errorf("%s: Cache-Control is %q", c.name, got)
		}
		if got := res.Header.Get("Content-Type"); c.status != 304 && got != "audio/wav" {
			t.Errorf("%s: Content-Type is %q", c.name, got)
		}
	}
	beyond := r.get(token, rec.AudioURL, "Range", fmt.Sprintf("bytes=%d-", n))
	mustBeProblem(t, beyond, http.StatusRequestedRangeNotSatisfiable)
	if got, want := beyond.Header.Get("Content-Range"), fmt.Sprintf("bytes */%d", n); got != want {
		t.Errorf("got Content-Range %q, want %q", got, want)
	}
}

func TestHeadIsNoPlay(t *testing.T) {
	r := newRig(t, 1)
	token, _ := r.token(RoleAgent, time.Hour)
	path := "/v1/recordings/" + call(0).ID + "/audio"
	head := r.do(http.MethodHead, path, token, nil)
	get := r.get(token, path)
	for _, name := range []string{"Content-Length", "Content-Type", "Etag", "Accept-Ranges", "Cache-Control"} {
		if got, want := head.Header.Get(name), get.Header.Get(name); got != want || got == "" {
			t.Errorf("HEAD has %s %q, GET %q", name, got, want)
		}
	}
	if plays := r.plays(); len(plays) != 1 {
		t.Errorf("%d plays, want that of GET alone: %+v", len(plays), plays)
	}
	missing := r.do(http.MethodHead, "/v1/recordings/"+call(9).ID+"/audio", token, nil)
	if missing.StatusCode != http.StatusNotFound {
		t.Errorf("HEAD of no recording: %s", missing.Status)
	}
}

func TestPlayIsInTheLedger(t *testing.T) {
	r := newRig(t, 1)
	token, id := r.token(RoleAgent, time.Hour)
	path := "/v1/recordings/" + call(0).ID
	r.get(token, path+"/audio?reason=called+back&ticket=Q3%2F4711%232", "Range", "bytes=0-99")
	res := r.get(token, path+"/audio?download=1")
	if got, want := res.Header.Get("Content-Disposition"), `attachment; filename="`+call(0).ID+`.wav"`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r.get(token, path+"/peaks")
	if got := r.get(token, path+"/manifest"); !bytes.Contains(got.body, []byte(`"id":"`+call(0).ID+`"`)) && !bytes.Contains(got.body, []byte(`"id": "`+call(0).ID+`"`)) {
		t.Errorf("manifest: %s %s", got.Status, got.body)
	}
	want := []playEvent{
		{"token:" + id, call(0).ID, "audio.wav", "called back", "Q3/4711#2", "bytes=0-99"},
		{"token:" + id, call(0).ID, "audio.wav", "", "", ""},
		{"token:" + id, call(0).ID, "peaks.json", "", "", ""},
		{"token:" + id, call(0).ID, "manifest.json", "", "", ""},
	}
	if got := r.plays(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for _, bad := range []string{"?ticket=not+one", "?reason=" + strings.Repeat("x", 300), "?reason=a%00b", "?channel=0", "?channel=x"} {
		mustBeProblem(t, r.get(token, path+"/audio"+bad), http.StatusUnprocessableEntity)
	}
	if got := r.plays(); len(got) != len(want) {
		t.Errorf("refused plays are in the ledger: %+v", got)
	}
}

// TestNoLedgerNoPlay takes the ledger away: then nothing is played, whatever the vault could give.
func TestNoLedgerNoPlay(t *testing.T) {
	r := newRig(t, 1)
	token, _ := r.token(RoleAgent, time.Hour)
	r.noLedger()
	var asked sync.WaitGroup
	for path, method := range map[string]string{
		"/v1/recordings/" + call(0).ID + "/audio":     http.MethodGet,
		"/v1/recordings/" + call(0).ID + "/peaks":     http.MethodGet,
		"/v1/tickets/T-7/recordings/" + call(0).ID:    http.MethodPut,
		"/v1/tickets/T-1001/recordings/" + call(0).ID: http.MethodDelete,
	} {
		asked.Go(func() { // ends with the answer; the ledger is waited for, so all at once
			res := r.do(method, path, token, nil)
			if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || bytes.Contains(res.body, r.wav[100:200]) {
				t.Errorf("%s %s: got %s, %v", method, path, res.Status, res.Header)
			}
		})
	}
	asked.Wait()
	if !strings.Contains(r.log.String(), "rec="+call(0).ID) {
		t.Errorf("the log does not say which recording was refused\n%s", r.log)
	}
}

// TestVaultFailsWhilePlaying makes sure that half a recording does not look like a whole one.
func TestVaultFailsWhilePlaying(t *testing.T) {
	r := newRig(t, 0)
	r.wav = append(r.wav, make([]byte, 1<<20)...) // what is encrypted together is far shorter
	r.store(call(0))
	r.drained()
	token, _ := r.token(RoleAgent, time.Hour)
	path := "/v1/recordings/" + call(0).ID + "/audio"
	r.bucket.Fail(func(op string, key vault.Key) vaulttest.Fault {
		if op == "open" {
			return vaulttest.AndNotPersist
		}
		return vaulttest.None
	})
	mustBeProblem(t, r.get(token, path), http.StatusServiceUnavailable)
	r.bucket.Fail(nil)

	for _, key := range r.bucket.Keys() {
		if strings.Contains(string(key), "audio.wav") {
			r.bucket.Corrupt(key, func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}
	}
	req, err := http.NewRequest(http.MethodGet, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF) || len(got) == 0 || !bytes.HasPrefix(r.wav, got) {
		t.Errorf("got %s, %d bytes, %v; want what was good, and a broken end", res.Status, len(got), err)
	}
	r.eventually("it is logged", func() bool { return strings.Contains(r.log.String(), "play recording") })
	if !strings.Contains(r.log.String(), "rec="+call(0).ID) {
		t.Errorf("it is not said which recording is damaged\n%s", r.log)
	}
}

func TestOneChannel(t *testing.T) {
	r := newRig(t, 1)
	token, _ := r.token(RoleAgent, time.Hour)
	path := "/v1/recordings/" + call(0).ID + "/audio?channel="
	for n := range 2 {
		res := r.get(token, path+fmt.Sprint(n+1))
		form, err := parseWAV(bytes.NewReader(res.body), int64(len(res.body)))
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("got %s, %v", res.Status, err)
		}
		if form.channels != 1 || form.rate != 8000 || form.tag != 7 || form.frames != 16_000 {
			t.Errorf("got form %+v", form)
		}
		for i, got := range res.body[form.data:] {
			if want := sample(n, i); got != want {
				t.Fatalf("channel %d, sample %d: got %d, want %d", n+1, i, got, want)
			}
		}
		part := r.get(token, path+fmt.Sprint(n+1), "Range", "bytes=5001-9000")
		if part.StatusCode != http.StatusPartialContent || !bytes.Equal(part.body, res.body[5001:9001]) {
			t.Errorf("range of channel %d: got %s, %d bytes", n+1, part.Status, len(part.body))
		}
		if got := res.Header.Get("ETag"); got == r.get(token, path[:len(path)-len("?channel=")]).Header.Get("ETag") {
			t.Errorf("channel %d has the tag of the whole", n+1)
		}
	}
	mustBeProblem(t, r.get(token, path+"3"), http.StatusNotFound)
}

// TestLongPlay: the limit on an answer as a whole does not hold for audio. Here it has passed before the first byte.
func TestLongPlay(t *testing.T) {
	r := newRig(t, 1)
	token, _ := r.token(RoleAgent, time.Hour)
	server := httptest.NewUnstartedServer(r.web.Handler())
	server.Config.WriteTimeout = time.Nanosecond
	server.Start()
	defer server.Close()
	r.url = server.URL
	if res := r.get(token, "/v1/recordings/"+call(0).ID+"/audio"); !bytes.Equal(res.body, r.wav) {
		t.Errorf("got %s, %d bytes", res.Status, len(res.body))
	}
}
