package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	streamName    = "LEDGER"
	subjectPrefix = "lw.ledger."
	// callLimit bounds a request to the server whose caller set no limit.
	callLimit = 10 * time.Second
)

var (
	// ErrConflict says that somebody appended to the same shard first.
	ErrConflict = errors.New("ledger has moved on")
	// ErrStream says that the stream exists and is not one that a ledger can be kept in.
	ErrStream = errors.New("stream " + streamName + " is no ledger")
)

// Options of a ledger. The zero value is good for a single server.
type Options struct {
	Replicas int // copies in a cluster: 1, 3 or 5; 0 is 1
	Log      *slog.Logger
}

// Ledger is the stream of events. Its methods may be called from any goroutine.
type Ledger struct {
	js       jetstream.JetStream
	log      *slog.Logger
	replicas int

	mu     sync.Mutex
	stream jetstream.Stream // Guarded by mu. Nil until the server was reached once.
}

// Open finds or creates the stream. A server that cannot be reached yet is no error: calls must be recorded meanwhile, and
// each method tries again. A stream that is no ledger is one.
func Open(ctx context.Context, nc *nats.Conn, o Options) (*Ledger, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	l := &Ledger{js: js, log: o.Log, replicas: max(1, o.Replicas)}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if _, err := l.ready(ctx); errors.Is(err, ErrStream) {
		return nil, err
	} else if err != nil {
		l.log.Warn("ledger cannot be reached yet; calls are recorded, and stored when it can", "error", err)
	}
	return l, nil
}

// ready is the stream, found or created by the first call that reaches the server.
func (l *Ledger) ready(ctx context.Context) (jetstream.Stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream != nil {
		return l.stream, nil
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	stream, err := l.js.CreateStream(ctx, jetstream.StreamConfig{
		Name:        streamName,
		Description: "linewarden: what happened, append-only",
		Subjects:    []string{subjectPrefix + ">"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy, // and no limits
		Replicas:    l.replicas,
		MaxMsgSize:  maxEvent,
		DenyDelete:  true,
		DenyPurge:   true,
		Duplicates:  2 * time.Minute,
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		stream, err = l.existing(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", streamName, err)
	}
	l.stream = stream
	return stream, nil
}

// existing takes a stream that is there already, if nothing can vanish from it.
func (l *Ledger) existing(ctx context.Context) (jetstream.Stream, error) {
	stream, err := l.js.Stream(ctx, streamName)
	if err != nil {
		return nil, err
	}
	c := stream.CachedInfo().Config
	limits := c.MaxAge != 0 || c.MaxBytes > 0 || c.MaxMsgs > 0 || c.MaxMsgsPerSubject > 0
	if limits || !c.DenyDelete || !c.DenyPurge || c.Storage != jetstream.FileStorage || c.Retention != jetstream.LimitsPolicy {
		return nil, fmt.Errorf("%w: it has limits, or allows deletion, or is kept in memory", ErrStream)
	}
	return stream, nil
}

// Append writes an event; it is durable when Append returns its sequence. After an error it may be there all the same: who
// appends again must not mind an event that comes twice.
func (l *Ledger) Append(ctx context.Context, e Event) (uint64, error) {
	return l.publish(ctx, e)
}

// AppendAfter writes an event if the last one on its shard has the sequence last, and fails with ErrConflict otherwise.
func (l *Ledger) AppendAfter(ctx context.Context, e Event, last uint64) (uint64, error) {
	seq, err := l.publish(ctx, e, jetstream.WithExpectLastSequencePerSubject(last))
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return 0, ErrConflict
	}
	return seq, err
}

func (l *Ledger) publish(ctx context.Context, e Event, opts ...jetstream.PublishOpt) (uint64, error) {
	b, err := e.encode()
	if err != nil {
		return 0, err
	}
	if _, err := l.ready(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	// COMMIT: the server has synced the event to disk when it acknowledges. A crash before that leaves an event that may or
	// may not be there; after it, one that is.
	ack, err := l.js.Publish(ctx, e.subject(), b, append(opts, jetstream.WithExpectStream(streamName))...)
	if err != nil {
		return 0, fmt.Errorf("append to ledger: %w", err)
	}
	return ack.Sequence, nil
}

// Last is the sequence of the newest event; 0 when there is none.
func (l *Ledger) Last(ctx context.Context) (uint64, error) {
	stream, err := l.ready(ctx)
	if err != nil {
		return 0, err
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	info, err := stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask for end of ledger: %w", err)
	}
	return info.State.LastSeq, nil
}

// limited gives a context an end, if it has none: the client waits for ever for a server that is away.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, callLimit)
}
