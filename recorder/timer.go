package recorder

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// minSessionExpires is the shortest session timer we agree to (RFC 4028, 5: no less than 90 s).
const minSessionExpires = 90 * time.Second

// mediaDeadline is how long after an answer the first packet of each stream, and the ACK, may take until somebody should look.
const mediaDeadline = 5 * time.Second

// errIntervalSmall says that a client wants a session timer that is too short.
var errIntervalSmall = errors.New("session interval too small")

// sessionExpires reads the session timer that a request asks for (RFC 4028, 4 and 9). Zero means that there is none for us to keep: the
// client asks for none, does not know the extension, or wants us to refresh, which we decline by not answering to it.
func sessionExpires(req *sip.Request) (time.Duration, error) {
	value := header(req, "Session-Expires")
	if value == "" {
		value = header(req, "x") // compact form
	}
	if value == "" || !hasOption(req, "timer") {
		return 0, nil
	}
	delta, params, _ := strings.Cut(value, ";")
	seconds, err := strconv.ParseUint(strings.TrimSpace(delta), 10, 32)
	if err != nil || strings.Contains(strings.ToLower(params), "refresher=uas") {
		return 0, nil
	}
	interval := time.Duration(seconds) * time.Second
	if interval < minSessionExpires {
		return 0, errIntervalSmall
	}
	return interval, nil
}

// seconds writes a duration as SIP header fields do.
func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// agree puts the session timer into a 2xx: the client refreshes (RFC 4028, 9).
func agree(res *sip.Response, interval time.Duration) {
	if interval > 0 {
		res.AppendHeader(sip.NewHeader("Require", "timer"))
		res.AppendHeader(sip.NewHeader("Session-Expires", seconds(interval)+";refresher=uac"))
	}
}

// refreshed begins the session's interval anew. When the client does not refresh in time the session is over: its end is told a
// little before, as RFC 4028, 10, has it.
func (rs *Session) refreshed(interval time.Duration) {
	rs.expires.Stop()
	if interval > 0 {
		rs.expires.Reset(interval - min(interval/3, 32*time.Second))
	}
}

// lookAtMedia raises an alarm for what should have come by now. The session goes on: a hold is silent too.
func (rs *Session) lookAtMedia() {
	if rs.unacked != nil {
		rs.log.Error("the client has not acknowledged the session", "after", mediaDeadline)
	}
	for _, st := range rs.lines {
		if st != nil && st.speaks() && st.packets.Load() == 0 {
			rs.server.Counters.NoMedia.Add(1)
			rs.log.Error("no RTP on a stream that should have some", "stream", st.number, "after", mediaDeadline, "foreign", st.foreign.Load())
		}
	}
}

// speaks says whether the offer announces media on a stream.
func (st *Stream) speaks() bool {
	return st.offer.Direction != "inactive" && st.offer.Direction != "recvonly"
}
