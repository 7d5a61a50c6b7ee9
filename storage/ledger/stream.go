package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	streamName    = "LEDGER"
	subjectPrefix = "lw.ledger."
	// headerRoom is how many bytes the headers of a message may add to an event: the stream's limit counts them.
	headerRoom = 1 << 10
	// duplicates is how long the server remembers the key of an event.
	duplicates = 2 * time.Minute
)

// ErrStream says that the server cannot keep a ledger as it is set up, or that its stream is none.
var ErrStream = errors.New("stream " + streamName + " is no ledger")

func streamConfig(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        streamName,
		Description: "linewarden: what happened, append-only",
		Subjects:    []string{subjectPrefix + ">"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy, // and no limits
		Discard:     jetstream.DiscardNew,   // if somebody sets one: refuse, never forget
		Replicas:    replicas,
		MaxMsgSize:  maxEvent + headerRoom,
		DenyDelete:  true,
		DenyPurge:   true,
		Duplicates:  duplicates,
	}
}

// ready is the stream, found or created by the first call that reaches the server.
func (l *Ledger) ready(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	var stream jetstream.Stream
	select {
	case stream = <-l.stream:
	case <-ctx.Done():
		return nil, fmt.Errorf("open stream %s: %w", streamName, ctx.Err())
	}
	var err error
	if stream == nil {
		stream, err = l.openStream(ctx)
	}
	l.stream <- stream
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", streamName, err)
	}
	return stream, nil
}

func (l *Ledger) openStream(ctx context.Context) (jetstream.Stream, error) {
	stream, err := l.js.CreateStream(ctx, streamConfig(l.replicas))
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		stream, err = l.existing(ctx)
	}
	if err != nil && isSetup(err) {
		err = fmt.Errorf("%w: %w", ErrStream, err)
	}
	return stream, err
}

// existing takes a stream that is there already, if nothing can vanish from it. Copies that are missing are added; ones too
// many are left alone, since another daemon may want them.
func (l *Ledger) existing(ctx context.Context) (jetstream.Stream, error) {
	stream, err := l.js.Stream(ctx, streamName)
	if err != nil {
		return nil, err
	}
	c := stream.CachedInfo().Config
	if why := unfit(c); len(why) > 0 {
		return nil, fmt.Errorf("%w: it %s", ErrStream, strings.Join(why, ", "))
	}
	if c.Replicas >= l.replicas {
		return stream, nil
	}
	l.log.Info("ledger gets more copies", "had", c.Replicas, "gets", l.replicas)
	c.Replicas = l.replicas
	return l.js.UpdateStream(ctx, c)
}

// unfit lists why a stream can lose events, refuse them, or hold others.
func unfit(c jetstream.StreamConfig) []string {
	var why []string
	for reason, is := range map[string]bool{
		"has limits": c.MaxAge != 0 || c.MaxBytes > 0 || c.MaxMsgs > 0 || c.MaxMsgsPerSubject > 0 || c.AllowMsgTTL ||
			c.Retention != jetstream.LimitsPolicy,
		"allows deletion":                              !c.DenyDelete || !c.DenyPurge || c.AllowRollup,
		"is kept in memory":                            c.Storage != jetstream.FileStorage,
		"acknowledges before it writes":                c.PersistMode != jetstream.DefaultPersistMode || c.NoAck,
		"takes no messages of the right length":        c.MaxMsgSize > 0 && c.MaxMsgSize < maxEvent+headerRoom,
		"takes no messages":                            c.Sealed,
		"copies or changes what others hold":           c.Mirror != nil || len(c.Sources) > 0 || c.SubjectTransform != nil,
		"does not take exactly " + subjectPrefix + ">": !slices.Equal(c.Subjects, []string{subjectPrefix + ">"}),
	} {
		if is {
			why = append(why, reason)
		}
	}
	slices.Sort(why)
	return why
}

// setupErrors are the codes of errors that come of how the server is set up. A person must act: trying again is of no use.
var setupErrors = []jetstream.ErrorCode{
	10027, // maximum number of streams reached
	10039, // JetStream not enabled for account
	10052, // invalid configuration of stream
	10065, // another stream takes our subjects
	10074, // replicas asked of a single server
}

func isSetup(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && slices.Contains(setupErrors, api.ErrorCode)
}
