package client

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pion/sdp/v3"
)

// label ties a media line to the metadata (RFC 4574).
func label(leg int) string { return strconv.Itoa(leg + 1) }

// offer writes what RFC 7866, 7.1 asks of a client: a media line for each leg, labelled, to be sent only. RTCP
// goes with RTP where the recorder wants that too.
func offer(local netip.Addr, ports [2]uint16, l law) []byte {
	family := "IP4"
	if local.Is6() {
		family = "IP6"
	}
	id := time.Now().Unix() + 2_208_988_800 // NTP time, as RFC 8866, 5.2 suggests.
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=client %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n", id, id, family, local, family, local)
	for i, port := range ports {
		fmt.Fprintf(&b, "m=audio %d RTP/AVP %d\r\n", port, l.payloadType)
		fmt.Fprintf(&b, "a=rtpmap:%d %s/%d\r\n", l.payloadType, l.name, clockRate)
		fmt.Fprintf(&b, "a=ptime:%d\r\na=sendonly\r\na=rtcp-mux\r\na=label:%s\r\n", packetTime.Milliseconds(), label(i))
	}
	return []byte(b.String())
}

// destination is where the recorder wants a leg; the zero one says that it does not want it.
type destination struct{ rtp, rtcp netip.AddrPort }

// parseAnswer reads where the legs should go. It must have a media line for each that was offered (RFC 3264, 6).
func parseAnswer(b []byte, l law) ([2]destination, error) {
	var to [2]destination
	var d sdp.SessionDescription
	if err := d.Unmarshal(b); err != nil {
		return to, fmt.Errorf("parse answer: %w", err)
	}
	if len(d.MediaDescriptions) != len(to) {
		return to, fmt.Errorf("answer has %d media lines, want %d", len(d.MediaDescriptions), len(to))
	}
	for i, m := range d.MediaDescriptions {
		_, inactive := m.Attribute(sdp.AttrKeyInactive)
		if m.MediaName.Port.Value == 0 || inactive {
			continue
		}
		var err error
		if to[i], err = parseMedia(&d, m, l); err != nil {
			return to, fmt.Errorf("answer, media line %d: %w", i+1, err)
		}
	}
	if to == [2]destination{} {
		return to, errors.New("answer wants no leg")
	}
	return to, nil
}

func parseMedia(d *sdp.SessionDescription, m *sdp.MediaDescription, l law) (destination, error) {
	if !slices.Contains(m.MediaName.Formats, strconv.Itoa(int(l.payloadType))) {
		return destination{}, fmt.Errorf("formats %v lack %s, which was offered", m.MediaName.Formats, l.name)
	}
	c := m.ConnectionInformation
	if c == nil {
		c = d.ConnectionInformation
	}
	if c == nil || c.Address == nil {
		return destination{}, errors.New("no address")
	}
	addr, err := netip.ParseAddr(c.Address.Address)
	if err != nil {
		return destination{}, fmt.Errorf("parse address: %w", err)
	}
	port := m.MediaName.Port.Value
	if port < 0 || port > 65534 {
		return destination{}, fmt.Errorf("port %d", port)
	}
	to := destination{rtp: netip.AddrPortFrom(addr, uint16(port)), rtcp: netip.AddrPortFrom(addr, uint16(port)+1)}
	if _, mux := m.Attribute("rtcp-mux"); mux { // RFC 5761, 5.1.1
		to.rtcp = to.rtp
	} else if value, ok := m.Attribute("rtcp"); ok { // RFC 3605
		first, _, _ := strings.Cut(value, " ")
		rtcp, err := strconv.ParseUint(first, 10, 16)
		if err != nil {
			return destination{}, fmt.Errorf("parse RTCP port: %w", err)
		}
		to.rtcp = netip.AddrPortFrom(addr, uint16(rtcp))
	}
	return to, nil
}
