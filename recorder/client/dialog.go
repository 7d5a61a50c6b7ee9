package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// silenceTimeout bounds the wait for a sign of life from the recorder once the call is not wanted any more: three
// transmissions over UDP.
const silenceTimeout = 2 * time.Second

// dialog is the SIP side of one call, with sockets of its own.
type dialog struct {
	law     law
	agent   *sipgo.UserAgent
	ua      sipgo.DialogUA
	session *sipgo.DialogClientSession

	known  atomic.Pointer[string] // Call-ID, once there is one.
	ended  chan struct{}          // Closed when the recorder hangs up.
	hangUp sync.Once
}

func newDialog(p *plan, local netip.Addr) (*dialog, error) {
	// The library logs whole messages when it cannot parse them. What matters comes back as an error.
	quiet := slog.New(slog.DiscardHandler)
	agent, err := sipgo.NewUA(
		sipgo.WithUserAgent(userAgent),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet),
			sip.WithTransactionLayerTerminateOnConnClose()),
	)
	if err != nil {
		return nil, err
	}
	d := &dialog{law: p.law, agent: agent, ended: make(chan struct{})}
	here := netip.AddrPortFrom(local, 0).String()
	client, err := sipgo.NewClient(agent, sipgo.WithClientConnectionAddr(here), sipgo.WithClientNAT(), sipgo.WithClientLogger(quiet))
	if err != nil {
		return nil, errors.Join(err, agent.Close())
	}
	d.ua.Client = client
	server, err := sipgo.NewServer(agent, sipgo.WithServerLogger(quiet))
	if err != nil {
		return nil, errors.Join(err, agent.Close())
	}
	server.OnBye(d.onBye)
	return d, nil
}

// invite sends the request and returns where the media should go, with the answer acknowledged.
func (d *dialog) invite(ctx context.Context, req *sip.Request) ([2]destination, error) {
	var none [2]destination
	session, err := d.ua.WriteInvite(ctx, req)
	d.session = session
	if err != nil {
		return none, err
	}
	id := req.CallID().Value()
	d.known.Store(&id)
	d.ua.ContactHDR = *req.Contact()

	if err := d.await(ctx); err != nil {
		if !d.accepted() {
			return none, err
		}
		// The recorder accepted while the call was being cancelled (RFC 3261, 9.1). It has a call, so it must
		// be told that there is none.
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangUpTimeout)
		defer cancel()
		return none, errors.Join(err, session.Ack(late), session.Bye(late))
	}
	if err := session.Ack(ctx); err != nil {
		return none, fmt.Errorf("acknowledge: %w", err)
	}
	to, err := parseAnswer(d.response().Body(), d.law)
	if err != nil {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangUpTimeout)
		defer cancel()
		return none, errors.Join(err, session.Bye(bye))
	}
	return to, nil
}

// await waits for the final answer. A CANCEL may be sent only after a provisional one (RFC 3261, 9.1); a recorder
// that says nothing at all is given up after a while.
func (d *dialog) await(ctx context.Context) error {
	heard := make(chan struct{})
	var first sync.Once
	wait, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer context.AfterFunc(ctx, func() { // Ends with await at the latest.
		select {
		case <-heard:
			stop(ctx.Err())
		case <-time.After(silenceTimeout):
			stop(sipgo.WaitAnswerForceCancelErr)
		case <-wait.Done():
		}
	})()
	err := d.session.WaitAnswer(wait, sipgo.AnswerOptions{OnResponse: func(res *sip.Response) error {
		first.Do(func() { close(heard) })
		return nil
	}})
	var refused *sipgo.ErrDialogResponse
	switch {
	case ctx.Err() != nil && (err != nil || !d.accepted()):
		return ctx.Err()
	case errors.As(err, &refused):
		return &RefusedError{refused.Res.StatusCode, refused.Res.Reason, retryAfter(refused.Res)}
	}
	return err
}

// onBye answers a recorder that hangs up.
func (d *dialog) onBye(req *sip.Request, tx sip.ServerTransaction) {
	id := d.known.Load()
	status, reason := sip.StatusOK, "OK"
	mine := id != nil && req.CallID() != nil && req.CallID().Value() == *id
	if !mine {
		status, reason = sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist"
	}
	// If the answer is lost the recorder asks again.
	_ = tx.Respond(sip.NewResponseFromRequest(req, status, reason, nil))
	if mine {
		d.hangUp.Do(func() { close(d.ended) })
	}
}

func (d *dialog) bye(ctx context.Context) error { return d.session.Bye(ctx) }

func (d *dialog) response() *sip.Response {
	if d.session == nil {
		return nil
	}
	return d.session.InviteResponse
}

func (d *dialog) accepted() bool {
	res := d.response()
	return res != nil && res.IsSuccess()
}

func (d *dialog) callID() string {
	if id := d.known.Load(); id != nil {
		return *id
	}
	return ""
}

func (d *dialog) close() { _ = d.agent.Close() } // There is nothing left to lose.

func retryAfter(res *sip.Response) time.Duration {
	h := res.GetHeader("Retry-After")
	if h == nil {
		return 0
	}
	digits := h.Value() // RFC 3261, 20.33: may be followed by a comment or parameters.
	if i := strings.IndexAny(digits, " (;"); i >= 0 {
		digits = digits[:i]
	}
	seconds, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

func serverName(res *sip.Response) string {
	for _, name := range []string{"Server", "User-Agent"} {
		if h := res.GetHeader(name); h != nil {
			return h.Value()
		}
	}
	return ""
}
