// Package vault is the S3 store of recordings: a client that puts, reads and erases objects the one way that every store
// keeps its word on, and the embedded S3 server. What an object is, and how long it is kept, is left to package storage.
package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Key names an object in the bucket.
type Key string

// Object is an object to put.
type Object struct {
	Key         Key
	Body        io.ReadSeeker
	Size        int64
	SHA256      [32]byte // of Body; the store refuses other bytes
	ContentType string
	Tags        map[string]string // at most 10, ASCII
	RetainUntil time.Time         // Object Lock; zero: none
	Compliance  bool              // nobody can shorten the lock; otherwise governance mode
	Hold        bool              // legal hold
}

// Version is an object that the store has.
type Version struct {
	Key         Key
	ID          string // "" where the store has no versions
	Size        int64
	SHA256      [32]byte
	Known       bool // whether the store said SHA256
	RetainUntil time.Time
	Hold        bool
	Modified    time.Time
}

var (
	// ErrNotFound says that there is no such object or version.
	ErrNotFound = errors.New("not in the vault")
	// ErrDifferent says that another object has the key. Nothing was changed.
	ErrDifferent = errors.New("the vault has other bytes under this key")
)

// Config says which bucket, at which endpoint, with which keys.
type Config struct {
	Endpoint  string // host:port, or unix: and the path of a socket
	Secure    bool   // TLS
	CAFile    string // certificates to trust beside the system's
	Region    string
	Bucket    string
	PathStyle bool
	AccessKey string
	SecretKey string
}

// Client is a client of one bucket. Its methods may be called from any goroutine; none retries, since who calls knows how
// long to go on.
type Client struct {
	s3     *minio.Client
	core   minio.Core
	bucket string
	region string
	anon   *http.Client // for the probe, which knocks without keys
	base   string       // URL of the bucket

	mu   sync.RWMutex
	caps Capabilities // Guarded by mu.
}

// New makes a client. Nothing is sent yet.
func New(c Config) (*Client, error) {
	transport, host, err := transportTo(c)
	if err != nil {
		return nil, err
	}
	lookup := minio.BucketLookupAuto
	if c.PathStyle || strings.HasPrefix(c.Endpoint, "unix:") {
		lookup = minio.BucketLookupPath
	}
	s3, err := minio.New(host, &minio.Options{
		Creds:  credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""),
		Secure: c.Secure, Region: c.Region, BucketLookup: lookup, Transport: transport,
		TrailingHeaders: true, // without it the client refuses to send a checksum header
		MaxRetries:      1,
	})
	if err != nil {
		return nil, fmt.Errorf("make S3 client: %w", err)
	}
	scheme := "http://"
	if c.Secure {
		scheme = "https://"
	}
	return &Client{
		s3: s3, core: minio.Core{Client: s3}, bucket: c.Bucket, region: c.Region,
		anon: &http.Client{Transport: transport}, base: scheme + host + "/" + c.Bucket,
		caps: Capabilities{Versioning: true, ObjectLock: true, Tags: true, ConditionalPut: true, ChecksumEnforced: true},
	}, nil
}

// transportTo makes the way to an endpoint: TCP, or a unix socket.
func transportTo(c Config) (http.RoundTripper, string, error) {
	t := &http.Transport{
		MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
		ResponseHeaderTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second,
		DisableCompression: true,
	}
	if path, ok := strings.CutPrefix(c.Endpoint, "unix:"); ok {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialUnix(ctx, path) }
		return t, "localhost", nil
	}
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, "", fmt.Errorf("read certificates of the S3 store: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, "", fmt.Errorf("read certificates of the S3 store: %s has none", c.CAFile)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return t, c.Endpoint, nil
}

// EnsureBucket creates the bucket, with versioning and Object Lock if the store has them, when it is missing. One that a crash
// left half made in the embedded store is gone already when that answers.
func (c *Client) EnsureBucket(ctx context.Context) error {
	exists, err := c.s3.BucketExists(ctx, c.bucket)
	if err != nil {
		return fmt.Errorf("look for bucket: %w", err)
	}
	if exists {
		return nil
	}
	err = c.s3.MakeBucket(ctx, c.bucket, minio.MakeBucketOptions{Region: c.region, ObjectLocking: true})
	if minio.ToErrorResponse(err).StatusCode == http.StatusNotImplemented { // the probe says what that means
		err = c.s3.MakeBucket(ctx, c.bucket, minio.MakeBucketOptions{Region: c.region})
	}
	if code := minio.ToErrorResponse(err).Code; err != nil && code != "BucketAlreadyOwnedByYou" {
		return fmt.Errorf("create bucket: %w", err)
	}
	return nil
}

// notFound turns the store's ways of saying so into ErrNotFound.
func notFound(err error) error {
	switch minio.ToErrorResponse(err).Code {
	case "NoSuchKey", "NoSuchVersion", "MethodNotAllowed": // the last is a delete marker's
		return ErrNotFound
	}
	return err
}
