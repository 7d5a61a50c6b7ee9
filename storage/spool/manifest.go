package spool

import "time"

// ManifestVersion is the version of the manifest's form. A reader refuses a higher one.
const ManifestVersion = 1

// Manifest says what is in an entry. It is the part of a recording that is heavy with personal data, so it is stored and
// erased together with the audio. Unknown is the zero value.
type Manifest struct {
	Version int    `json:"version"`
	ID      string `json:"id"`
	Kind    string `json:"kind"` // "call"

	StartedAt      time.Time `json:"started_at"`
	AnsweredAt     time.Time `json:"answered_at,omitzero"`
	EndedAt        time.Time `json:"ended_at"`
	EndReason      string    `json:"end_reason"` // bye, cancel, drain, restart, max_duration, not_acked
	Interrupted    bool      `json:"interrupted"`
	MediaStartedAt time.Time `json:"media_started_at,omitzero"` // wall clock of the first sample of every channel
	DurationMS     int64     `json:"duration_ms"`

	Node     string `json:"node"`
	Software string `json:"software"`
	Config   string `json:"config"` // hash of the configuration

	Trunk      string   `json:"trunk,omitempty"`
	Direction  string   `json:"direction,omitempty"` // in, out or not known
	Route      string   `json:"route,omitempty"`
	Controller string   `json:"controller,omitempty"`
	Residency  string   `json:"residency,omitempty"`
	Purposes   []string `json:"purposes,omitempty"`

	Caller       Party         `json:"caller"`
	Callee       Party         `json:"callee"`
	SIP          SIP           `json:"sip"`
	SIPREC       SIPREC        `json:"siprec"`
	Tickets      []FoundTicket `json:"tickets,omitempty"`
	Participants []Participant `json:"participants,omitempty"`

	Audio    Audio     `json:"audio"`
	Channels []Channel `json:"channels"`

	Oddities       []string `json:"oddities,omitempty"`
	DroppedPackets int64    `json:"dropped_packets"` // received, but not written because the disk could not keep up
	Parts          []Part   `json:"parts"`           // every part but the manifest itself; filled in by Entry.Seal
}

// Party is one end of the call.
type Party struct {
	URI    string `json:"uri,omitempty"`
	Number string `json:"number,omitempty"`
	Name   string `json:"name,omitempty"`
}

// SIP is what the recording session's first request said.
type SIP struct {
	CallID    string `json:"call_id,omitempty"`
	SessionID string `json:"session_id,omitempty"` // RFC 7989
	From      string `json:"from,omitempty"`
	To        string `json:"to,omitempty"`
	Contact   string `json:"contact,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	Remote    string `json:"remote,omitempty"` // address and port the request came from
}

// SIPREC holds the identities of RFC 7865 metadata.
type SIPREC struct {
	SessionIDs    []string `json:"session_ids,omitempty"`
	GroupIDs      []string `json:"group_ids,omitempty"`
	SIPSessionIDs []string `json:"sip_session_ids,omitempty"`
}

// FoundTicket is a ticket number that signalling carried, and where.
type FoundTicket struct {
	ID     string `json:"id"`
	Source string `json:"source"`
}

// Participant is a participant of the communication session (RFC 7865, 6.5).
type Participant struct {
	ID   string `json:"id"`
	URI  string `json:"uri,omitempty"`
	Name string `json:"name,omitempty"`
}

// Audio describes audio.wav.
type Audio struct {
	Encoding   string `json:"encoding,omitempty"` // pcmu, pcma or s16
	SampleRate int    `json:"sample_rate,omitempty"`
	Channels   int    `json:"channels,omitempty"`
	Frames     int64  `json:"frames"` // samples of each channel
}

// Channel is one channel of audio.wav: one stream of the recording session, and what became of its packets.
type Channel struct {
	Index       int      `json:"index"`
	Label       string   `json:"label,omitempty"`
	Participant string   `json:"participant,omitempty"` // Participant.ID of who is heard
	Codecs      []string `json:"codecs,omitempty"`
	ClockRate   int      `json:"clock_rate,omitempty"`
	Packets     int64    `json:"packets"`
	Bytes       int64    `json:"bytes"`
	Lost        int64    `json:"lost"`
	Duplicate   int64    `json:"duplicate"`
	Late        int64    `json:"late"`
	Junk        int64    `json:"junk"`
	Foreign     int64    `json:"foreign"` // from a source that the offer did not name
	SSRCs       []uint32 `json:"ssrcs,omitempty"`
	SSRCChanges int      `json:"ssrc_changes"`
	JitterMS    float64  `json:"jitter_ms"`
	MOS         float64  `json:"mos,omitempty"`
	Gaps        []Gap    `json:"gaps,omitempty"`
}

// Gap is a stretch of a channel that holds no received audio.
type Gap struct {
	FromMS int64  `json:"from_ms"`
	ToMS   int64  `json:"to_ms"`
	Cause  string `json:"cause"`
}

// Part is a finished file of an entry.
type Part struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hex
}
