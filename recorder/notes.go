package recorder

import (
	"time"

	"github.com/emiago/sipgo/sip"

	"linewarden/recorder/siprec"
	"linewarden/storage/spool"
)

// Notes in an entry's journal. Together with the media log they are all that finalising needs, so that the same
// function finishes a call after its BYE and after a crash.
const (
	noteOffer    = "offer"    // []streamNote: every stream so far
	noteMetadata = "metadata" // metadataNote: a SIPREC document as it came
	noteEnded    = "ended"    // noteEnd; missing after a crash
)

// opening is the first line of the journal.
type opening struct {
	Node       string              `json:"node"`
	Software   string              `json:"software"`
	ConfigHash string              `json:"config"`
	Trunk      string              `json:"trunk,omitempty"`
	SIP        spool.SIP           `json:"sip"`
	Tickets    []spool.FoundTicket `json:"tickets,omitempty"`
	Metadata   string              `json:"metadata,omitempty"` // XML as it came
	Oddities   []string            `json:"oddities,omitempty"`
}

// streamNote is what an offer said of a stream.
type streamNote struct {
	Number    uint16       `json:"number"`
	Label     string       `json:"label"`
	Direction string       `json:"direction,omitempty"`
	Formats   []formatNote `json:"formats"`
}

type formatNote struct {
	PayloadType uint8  `json:"pt"`
	Encoding    string `json:"encoding"`
	ClockRate   int    `json:"clock_rate"`
	Channels    int    `json:"channels,omitempty"`
}

type metadataNote struct {
	XML      string   `json:"xml"`
	Oddities []string `json:"oddities,omitempty"`
}

type noteEnd struct {
	Reason  string      `json:"reason"`
	Dropped uint64      `json:"dropped"` // packets that the disk could not keep up with
	Broken  bool        `json:"broken"`  // whether the disk refused to take any more
	Streams []streamEnd `json:"streams"`
}

// streamEnd is what the receive path counted of a stream.
type streamEnd struct {
	Number  uint16 `json:"number"`
	Packets int64  `json:"packets"`
	Bytes   int64  `json:"bytes"`
	Junk    int64  `json:"junk"`
	Foreign int64  `json:"foreign"`
	Overrun int64  `json:"overrun"` // dropped by the kernel, because the sweep came late
	Events  int64  `json:"events"`
	Latched bool   `json:"latched"` // followed a source that the offer did not name
}

// opening gathers what the first INVITE says.
func (s *Server) opening(req *sip.Request, body siprec.Body, trunk string) opening {
	o := opening{
		Node: s.c.Node, Software: s.c.Software, ConfigHash: s.c.ConfigHash, Trunk: trunk,
		SIP: sipFacts(req), Metadata: string(body.Metadata), Oddities: body.Oddities,
	}
	if len(body.Metadata) == 0 {
		o.Oddities = append(o.Oddities, "the INVITE carries no SIPREC metadata")
	}
	if !hasOption(req, "siprec") {
		o.Oddities = append(o.Oddities, "the INVITE does not name the option tag siprec")
	}
	o.Tickets = s.ticketsInHeaders(req)
	return o
}

func sipFacts(req *sip.Request) spool.SIP {
	f := spool.SIP{
		CallID: req.CallID().Value(), From: req.From().Address.String(), To: req.To().Address.String(),
		SessionID: header(req, "Session-ID"), UserAgent: header(req, "User-Agent"), Remote: req.Source(),
	}
	if c := req.Contact(); c != nil {
		f.Contact = c.Address.String()
	}
	return f
}

// noteMetadata writes a metadata document of a later request to the journal. A failure is logged and costs the call nothing.
func (rs *Session) noteMetadata(body siprec.Body) {
	if len(body.Metadata) == 0 {
		return
	}
	note := metadataNote{XML: string(body.Metadata), Oddities: body.Oddities}
	if err := rs.entry.Note(noteMetadata, time.Now(), note); err != nil {
		rs.log.Error("note SIPREC metadata; the recording goes on without it", "error", err)
	}
}

// noteStreams writes what the last offer said to the journal.
func (rs *Session) noteStreams() error {
	return rs.entry.Note(noteOffer, time.Now(), rs.streamNotes())
}

// streamNotes describes every stream the session has had.
func (rs *Session) streamNotes() []streamNote {
	notes := make([]streamNote, 0, len(rs.streams))
	for _, st := range rs.streams {
		n := streamNote{Number: st.number, Label: st.label(), Direction: st.offer.Direction}
		for _, f := range st.offer.Formats {
			n.Formats = append(n.Formats, formatNote{f.PayloadType, f.Encoding, f.ClockRate, f.Channels})
		}
		notes = append(notes, n)
	}
	return notes
}

func header(req *sip.Request, name string) string {
	if h := req.GetHeader(name); h != nil {
		return h.Value()
	}
	return ""
}
