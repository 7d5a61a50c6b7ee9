package recorder

import "sync/atomic"

// Counters count what came in and what was refused since the start. All are safe for concurrent use.
type Counters struct {
	Sessions       atomic.Int64 // recording sessions opened
	Sealed         atomic.Int64 // entries finalised and sealed
	Recovered      atomic.Int64 // entries finalised after a crash
	Strangers      atomic.Int64 // datagrams and connections from addresses that may not send calls
	Unparsable     atomic.Int64 // SIP messages that do not parse
	StackErrors    atomic.Int64 // other complaints of the SIP stack
	StrayResponses atomic.Int64 // responses to nothing we asked
	RefusedBusy    atomic.Int64 // 503: draining, no port, no disk, too many sessions
	RefusedBody    atomic.Int64 // 4xx: no usable offer in the body
	NotAcked       atomic.Int64 // sessions ended because no ACK came
	NoMedia        atomic.Int64 // streams on which nothing came within mediaDeadline
	Packets        atomic.Int64 // RTP packets written
	Foreign        atomic.Int64 // packets from an address that may not send to this stream
	Junk           atomic.Int64 // packets that are neither RTP nor RTCP
	FinaliseErrors atomic.Int64 // entries that could not be finalised yet; they stay in the spool
}
