package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// between puts a proxy in front of the embedded store that does to requests what change says: it may answer, abort, or pass
// the request on. The proxy hides checksums when told to.
func between(t *testing.T, e *Embedded, hideSums bool, change func(w http.ResponseWriter, r *http.Request, pass http.Handler)) *Client {
	t.Helper()
	config := e.Config()
	path := strings.TrimPrefix(config.Endpoint, "unix:")
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "store" },
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dialUnix(ctx, path) },
		},
		ModifyResponse: func(r *http.Response) error {
			if hideSums {
				r.Header.Del(checksumHeader)
			}
			return nil
		},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { change(w, r, pass) }))
	t.Cleanup(s.Close)
	config.Endpoint = strings.TrimPrefix(s.URL, "http://")
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.anon.CloseIdleConnections)
	return c
}

func abort() { panic(http.ErrAbortHandler) }

func passOn(w http.ResponseWriter, r *http.Request, pass http.Handler) { pass.ServeHTTP(w, r) }

func TestLostAnswer(t *testing.T) {
	e, _ := start(t, t.TempDir())
	c := between(t, e, false, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodPut {
			pass.ServeHTTP(httptest.NewRecorder(), r)
			abort()
		}
		pass.ServeHTTP(w, r)
	})
	o := object("rec/a", "x")
	o.Hold = true
	v, err := c.Put(t.Context(), o)
	if err != nil || v.SHA256 != o.SHA256 || !v.Hold {
		t.Errorf("put whose answer was lost: %+v, %v", v, err)
	}
	if _, err := c.Put(t.Context(), object("rec/a", "y")); !errors.Is(err, ErrDifferent) {
		t.Errorf("other bytes: %v", err)
	}
}

func TestLostRequest(t *testing.T) {
	e, direct := start(t, t.TempDir())
	c := between(t, e, false, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodPut {
			abort()
		}
		pass.ServeHTTP(w, r)
	})
	if _, err := c.Put(t.Context(), object("rec/a", "x")); err == nil || errors.Is(err, ErrDifferent) {
		t.Errorf("put that was lost: %v", err)
	}
	if _, err := direct.Put(t.Context(), object("rec/a", "x")); err != nil {
		t.Errorf("the same afterwards: %v", err)
	}
}

func TestStoreWithoutChecksums(t *testing.T) {
	e, _ := start(t, t.TempDir())
	c := between(t, e, true, passOn)
	first, err := c.Put(t.Context(), object("rec/a", "same"))
	if err != nil || first.Known {
		t.Fatalf("put: %+v, %v", first, err)
	}
	if again, err := c.Put(t.Context(), object("rec/a", "same")); err != nil || again.ID != first.ID {
		t.Errorf("the same once more: %+v, %v", again, err)
	}
	if _, err := c.Put(t.Context(), object("rec/a", "else")); !errors.Is(err, ErrDifferent) {
		t.Errorf("other bytes of the same length: %v", err)
	}
}

func TestEraseWithoutVersions(t *testing.T) {
	e, _ := start(t, t.TempDir())
	c := between(t, e, false, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if _, asked := r.URL.Query()["versions"]; asked {
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		pass.ServeHTTP(w, r)
	})
	if _, err := c.Put(t.Context(), object("rec/a", "x")); err != nil {
		t.Fatal(err)
	}
	if err := c.Erase(t.Context(), "rec/a"); err != nil {
		t.Error(err)
	}
}

// TestProbeIsNotFooled says that a probe that was disturbed fails, rather than calling the store a lesser one.
func TestProbeIsNotFooled(t *testing.T) {
	e, direct := start(t, t.TempDir())
	for name, disturbed := range map[string]func(*http.Request) bool{
		"condition": func(r *http.Request) bool { return r.Header.Get("If-None-Match") != "" },
		"hash":      func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "-sum") && r.Method == http.MethodPut },
		"hold":      func(r *http.Request) bool { return r.Header.Get("X-Amz-Object-Lock-Legal-Hold") != "" },
		"settings":  func(r *http.Request) bool { _, ok := r.URL.Query()["object-lock"]; return ok },
	} {
		c := between(t, e, false, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			if disturbed(r) {
				pass.ServeHTTP(httptest.NewRecorder(), r)
				abort()
			}
			pass.ServeHTTP(w, r)
		})
		if caps, err := c.Probe(t.Context()); err == nil {
			t.Errorf("%s: probed all the same: %+v", name, caps)
		}
	}
	for v, err := range direct.List(t.Context(), "") {
		t.Errorf("a disturbed probe left %s, %v", v.Key, err)
	}
}

func TestPutAddsLockThatIsMissing(t *testing.T) {
	_, c := start(t, t.TempDir())
	all := c.capabilities()
	c.Use(Capabilities{Versioning: true, ConditionalPut: true})
	o := object("rec/a", "x")
	o.RetainUntil, o.Hold = time.Now().Add(time.Hour), true
	first, err := c.Put(t.Context(), o)
	if err != nil || first.Hold || !first.RetainUntil.IsZero() {
		t.Fatalf("without lock: %+v, %v", first, err)
	}
	c.Use(all)
	v, err := c.Put(t.Context(), o)
	if err != nil || v.ID != first.ID || !v.Hold || v.RetainUntil.Before(o.RetainUntil.Truncate(time.Second)) {
		t.Errorf("with lock: %+v, %v", v, err)
	}
}

func TestPutWithoutConditions(t *testing.T) {
	_, c := start(t, t.TempDir())
	c.Use(Capabilities{Versioning: true})
	first, err := c.Put(t.Context(), object("rec/a", "same"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Put(t.Context(), object("rec/a", "same")); err != nil || again.ID != first.ID {
		t.Errorf("the same once more: %+v, %v", again, err)
	}
	if _, err := c.Put(t.Context(), object("rec/a", "other")); !errors.Is(err, ErrDifferent) {
		t.Errorf("other bytes: %v", err)
	}
	if v, err := c.Head(t.Context(), "rec/a", ""); err != nil || v.ID != first.ID {
		t.Errorf("now it is %+v, %v", v, err)
	}
}

func TestProbe(t *testing.T) {
	e, c := start(t, t.TempDir())
	caps, err := c.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !caps.Versioning || !caps.ObjectLock || !caps.Tags || !caps.ConditionalPut || !caps.ChecksumEnforced || len(caps.Notes) > 0 {
		t.Errorf("the embedded store is said to lack something: %+v", caps)
	}
	for v, err := range c.list(t.Context(), minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		t.Errorf("the probe left %+v, %v", v, err)
	}
	config := e.Config()
	config.Bucket = "nobodys-bucket"
	wrong, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Probe(t.Context()); err == nil {
		t.Error("a bucket that is not there was probed")
	}
}

// TestProbeLeavesALockingBucketAlone says that nothing is written into a bucket that would not let go of it.
func TestProbeLeavesALockingBucketAlone(t *testing.T) {
	_, c := start(t, t.TempDir())
	mode, validity, unit := minio.Governance, uint(1), minio.Days
	if err := c.s3.SetBucketObjectLockConfig(t.Context(), c.bucket, &mode, &validity, &unit); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "default retention") {
		t.Errorf("probed: %v", err)
	}
	for v, err := range c.list(t.Context(), minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		t.Errorf("the probe left %+v, %v", v, err)
	}
}

// TestOneRequestPerPut looks at what is sent: one PUT, with its conditions, also where the client library would cut it into parts or try
// again by itself.
func TestOneRequestPerPut(t *testing.T) {
	e, _ := start(t, t.TempDir())
	var puts atomic.Int32
	var busy atomic.Bool
	c := between(t, e, false, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method != http.MethodPut && r.Method != http.MethodPost {
			pass.ServeHTTP(w, r)
			return
		}
		puts.Add(1)
		if busy.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if r.Method != http.MethodPut || r.URL.RawQuery != "" || r.Header.Get("X-Amz-Trailer") != "" {
			t.Errorf("%s ?%s, trailer %q", r.Method, r.URL.RawQuery, r.Header.Get("X-Amz-Trailer"))
		}
		for _, name := range []string{"Content-Md5", checksumHeader, "X-Amz-Tagging", "X-Amz-Object-Lock-Mode", "X-Amz-Object-Lock-Legal-Hold"} {
			if r.Header.Get(name) == "" {
				t.Errorf("without %s", name)
			}
		}
		if got := r.Header.Get("If-None-Match"); got != "*" {
			t.Errorf("If-None-Match: %q", got)
		}
		pass.ServeHTTP(w, r)
	})
	big := make([]byte, 17<<20) // the library makes parts of more than 16 MiB
	o := object("rec/a", "")
	o.Body, o.Size, o.SHA256 = bytes.NewReader(big), int64(len(big)), sha256.Sum256(big)
	o.RetainUntil, o.Hold = time.Now().Add(time.Hour), true
	v, err := c.Put(t.Context(), o)
	if err != nil || v.Size != o.Size || v.SHA256 != o.SHA256 || !v.Hold || puts.Load() != 1 {
		t.Errorf("put: %v after %d requests, size %d, held %v", err, puts.Load(), v.Size, v.Hold)
	}
	busy.Store(true)
	if _, err := c.Put(t.Context(), object("rec/b", "x")); err == nil || puts.Load() != 2 {
		t.Errorf("put to a busy store: %v after %d requests", err, puts.Load()-1)
	}
}
