package recorder

import (
	"slices"

	"linewarden/recorder/audio"
	"linewarden/recorder/siprec"
	"linewarden/storage/spool"
)

// manifest says what is in an entry, from its journal and from what rendering found.
func manifest(c Config, id string, f *facts, r audio.Result) spool.Manifest {
	ended, reason := endOf(f, r)
	m := spool.Manifest{
		Version: spool.ManifestVersion, ID: id, Kind: "call",
		StartedAt: f.opened, AnsweredAt: f.opened, EndedAt: ended,
		EndReason: reason, Interrupted: reason == EndRestart, DurationMS: r.Duration().Milliseconds(),
		Node: f.opening.Node, Software: f.opening.Software, Config: f.opening.ConfigHash,
		Trunk: f.opening.Trunk, SIP: f.opening.SIP, SIPREC: identities(f),
		Tickets: f.tickets(c.TicketExtensions), Participants: participants(f),
		Audio: spool.Audio{
			Encoding: r.Encoding, SampleRate: r.SampleRate, Channels: len(r.Channels), Frames: r.Frames,
		},
		DroppedPackets: int64(f.end.Dropped),
	}
	if r.Frames > 0 {
		m.MediaStartedAt = r.Start
	}
	m.Caller, m.Callee = f.parties()
	if route, ok := routeOf(c.Routes, m.Trunk, m.Direction, m.Caller.Number, m.Callee.Number); ok {
		m.Route, m.Controller, m.Residency, m.Purposes = route.Name, route.Controller, route.Residency, route.Purposes
	} else {
		f.odd("no route matches this call")
	}
	if f.end.Broken {
		f.odd("the disk refused packets; what came before is kept")
	}
	m.Channels = channels(f, r)
	m.Oddities = f.oddities
	return m
}

// channels describes every channel of the audio: what rendering found and what the receive path counted.
func channels(f *facts, r audio.Result) []spool.Channel {
	all := make([]spool.Channel, 0, len(r.Channels))
	for i, rc := range r.Channels {
		ch := spool.Channel{
			Index: i, Label: rc.Label, Codecs: rc.Codecs, ClockRate: rc.ClockRate,
			Packets: rc.Packets, Lost: rc.Lost, Duplicate: rc.Duplicate, Late: rc.Late,
			Junk: rc.Junk, SSRCs: rc.SSRCs, SSRCChanges: rc.SSRCChanges, JitterMS: rc.JitterMS, MOS: rc.MOS,
		}
		for _, g := range rc.Gaps {
			ch.Gaps = append(ch.Gaps, spool.Gap{FromMS: g.From.Milliseconds(), ToMS: g.To.Milliseconds(), Cause: g.Cause})
		}
		if p, ok := f.participantOf(rc.Label); ok {
			ch.Participant = p.ID
		}
		if j := slices.IndexFunc(f.end.Streams, func(s streamEnd) bool { return s.Number == rc.Number }); j >= 0 {
			counted := f.end.Streams[j]
			ch.Bytes, ch.Foreign = counted.Bytes, counted.Foreign
			ch.Junk += counted.Junk
			if counted.Latched {
				f.odd("media came from another address than the offer named")
			}
		}
		all = append(all, ch)
	}
	return all
}

// identities gathers the names that SIPREC gives the call, each once.
func identities(f *facts) spool.SIPREC {
	var ids spool.SIPREC
	for _, m := range f.metadata {
		for _, s := range m.Sessions {
			ids.SessionIDs = addOnce(ids.SessionIDs, s.ID)
			ids.GroupIDs = addOnce(ids.GroupIDs, s.GroupRef)
			for _, sipID := range s.SIPSessionIDs {
				ids.SIPSessionIDs = addOnce(ids.SIPSessionIDs, sipID)
			}
		}
	}
	return ids
}

func addOnce(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// participants lists everyone that any metadata document names, in order of appearance, as they were named last.
func participants(f *facts) []spool.Participant {
	var all []spool.Participant
	for _, m := range f.metadata {
		for _, p := range m.Participants {
			all = putParticipant(all, p)
		}
	}
	return all
}

func putParticipant(all []spool.Participant, p siprec.Participant) []spool.Participant {
	q := spool.Participant{ID: p.ID, URI: p.AOR, Name: p.Name}
	if i := slices.IndexFunc(all, func(o spool.Participant) bool { return o.ID == p.ID }); i >= 0 {
		all[i] = q
		return all
	}
	return append(all, q)
}
