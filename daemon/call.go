package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"linewarden/recorder/client"
)

// packetBytes of audio are in each RTP packet: 20 ms of G.711.
const packetBytes = 160

// maxCalls bounds how many synthetic calls one command places at once.
const maxCalls = 100

type callCmd struct {
	Server    string        `help:"SIP address of the recorder." default:"127.0.0.1:5060" placeholder:"HOST:PORT"`
	Transport string        `help:"udp or tcp." enum:"udp,tcp" default:"udp"`
	Ticket    string        `help:"Ticket to name in X-Ticket-ID." placeholder:"TICKET"`
	Caller    string        `help:"Caller's number." default:"+15550100" placeholder:"NUMBER"`
	Callee    string        `help:"Callee's number." default:"+15550199" placeholder:"NUMBER"`
	Duration  time.Duration `help:"How long each call lasts." default:"10s"`
	Calls     int           `help:"How many calls at once (1 to 100)." default:"1"`
}

func (c *callCmd) Run(s *streams) error {
	server, err := netip.ParseAddrPort(c.Server)
	if err != nil {
		return usageError{fmt.Errorf("--server %q is no IP address and port", c.Server)}
	}
	if c.Calls < 1 || c.Calls > maxCalls {
		return usageError{fmt.Errorf("--calls %d: from 1 to %d can be placed at once", c.Calls, maxCalls)}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	calls := make([]client.Call, c.Calls)
	for i := range calls {
		calls[i] = client.Call{
			Server: server, Transport: c.Transport, Caller: c.Caller, Callee: c.Callee,
			Duration: c.Duration, Headers: ticketHeader(c.Ticket), Seed: int64(i),
		}
	}
	fmt.Fprintf(s.err, "Placing %d call(s) of %s to %s over %s …\n", c.Calls, c.Duration, c.Server, c.Transport)
	outcomes, err := placeAll(ctx, calls)
	for _, o := range outcomes {
		if o.CallID != "" {
			fmt.Fprintf(s.out, "%s answered %d, sent %d and %d packets\n", o.CallID, o.Status, len(o.Sent[0])/packetBytes, len(o.Sent[1])/packetBytes)
		}
	}
	return err
}

func ticketHeader(ticket string) map[string]string {
	if ticket == "" {
		return nil
	}
	return map[string]string{"X-Ticket-ID": ticket}
}

// placeAll places calls at once and waits for all of them.
func placeAll(ctx context.Context, calls []client.Call) ([]client.Outcome, error) {
	outcomes, errs := make([]client.Outcome, len(calls)), make([]error, len(calls))
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() { outcomes[i], errs[i] = client.Place(ctx, calls[i]) }) // ends with its call
	}
	wg.Wait()
	return outcomes, errors.Join(errs...)
}
