package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// counter is a number that the recorder counts, with its name and meaning as metrics have them.
type counter struct {
	name, help string
	value      func() int64
}

// counted lists every counter of the recorder.
func (d *daemon) counted() []counter {
	c := &d.recorder.Counters
	return []counter{
		{"calls_total", "Recording sessions opened.", c.Sessions.Load},
		{"recordings_sealed_total", "Recordings finalised and sealed.", c.Sealed.Load},
		{"finalise_errors_total", "Attempts to finalise a recording that failed.", c.FinaliseErrors.Load},
		{"calls_not_acked_total", "Sessions ended because the client never acknowledged them.", c.NotAcked.Load},
		{"calls_refused_busy_total", "Calls answered 503: draining, no port, no disk, too many.", c.RefusedBusy.Load},
		{"calls_refused_body_total", "Requests answered 4xx: no usable offer in the body.", c.RefusedBody.Load},
		{"sip_strangers_total", "Datagrams and connections from addresses that may not send calls.", c.Strangers.Load},
		{"sip_unparsable_total", "SIP messages that do not parse.", c.Unparsable.Load},
		{"sip_stack_errors_total", "Other complaints of the SIP stack.", c.StackErrors.Load},
		{"sip_stray_responses_total", "SIP responses to nothing that was asked.", c.StrayResponses.Load},
		{"streams_without_media_total", "Streams on which nothing came within 5 s of their answer.", c.NoMedia.Load},
		{"rtp_packets_total", "RTP packets written.", c.Packets.Load},
		{"rtp_foreign_packets_total", "Packets from addresses that may not send to their stream.", c.Foreign.Load},
		{"rtp_junk_packets_total", "Packets that are neither RTP nor RTCP.", c.Junk.Load},
	}
}

// counters are the same numbers for the status.
func (d *daemon) counters() map[string]int64 {
	m := make(map[string]int64)
	for _, c := range d.counted() {
		m[c.name] = c.value()
	}
	return m
}

// openMetrics serves /metrics on a listener of its own, without a token: there are only numbers in it.
func (d *daemon) openMetrics(ctx context.Context) error {
	registry := prometheus.NewRegistry()
	for _, c := range d.counted() {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "linewarden_" + c.name, Help: c.help},
			func() float64 { return float64(c.value()) }))
	}
	for name, g := range map[string]struct {
		help  string
		value func() float64
	}{
		"calls_active":          {"Recording sessions that run.", func() float64 { return float64(d.recorder.Active()) }},
		"upload_backlog":        {"Sealed recordings that the vault does not have yet.", func() float64 { return float64(d.archive.Backlog().Waiting) }},
		"recordings_corrupt":    {"Recordings in the spool whose bytes are not what was sealed.", func() float64 { return float64(d.archive.Backlog().Corrupt) }},
		"spool_free_bytes":      {"Free bytes on the spool's disk.", d.freeBytes},
		"media_ports_free":      {"Media port pairs that are free.", func() float64 { return float64(d.media.Free()) }},
		"upload_oldest_seconds": {"Age of the oldest recording that waits.", d.oldest},
	} {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "linewarden_" + name, Help: g.help}, g.value))
	}
	ln, err := net.Listen("tcp", d.set.API.Metrics)
	if err != nil {
		return fmt.Errorf("listen for metrics: %w; api.metrics chooses another address, or \"off\"", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	d.loop(ctx, "serve metrics", func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { server.Close() })
		defer stop()
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

func (d *daemon) freeBytes() float64 {
	free, _, err := d.spool.Free()
	if err != nil {
		return 0
	}
	return float64(free)
}

func (d *daemon) oldest() float64 {
	if at := d.archive.Backlog().Oldest; !at.IsZero() {
		return time.Since(at).Seconds()
	}
	return 0
}
