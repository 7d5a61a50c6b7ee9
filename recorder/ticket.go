package recorder

import (
	"regexp"
	"strings"

	"github.com/emiago/sipgo/sip"

	"linewarden/recorder/siprec"
	"linewarden/storage/spool"
)

// Where a ticket was found.
const (
	ticketFromHeader    = "header"
	ticketFromUUI       = "user-to-user"
	ticketFromExtension = "siprec"
)

// maxTickets bounds how many tickets signalling may name for one call.
const maxTickets = 8

// ticketParameter finds the ticket in content that holds more than the bare number: "ticket=123;agent=7".
var ticketParameter = regexp.MustCompile(`(?i)(?:^|[;&, ])ticket(?:[_-]?id)?[=:]\s*([^;&, ]+)`)

// ticketsInHeaders finds tickets in the header fields of a request: the configured ones, then User-to-User (RFC 7433).
// Whether a ticket is well formed is for the archive to say; what was found is kept as it came.
func (s *Server) ticketsInHeaders(req *sip.Request) []spool.FoundTicket {
	var found []spool.FoundTicket
	for _, name := range s.c.TicketHeaders {
		for _, h := range req.GetHeaders(name) {
			found = addTicket(found, h.Value(), ticketFromHeader)
		}
	}
	if !s.c.UserToUser {
		return found
	}
	for _, h := range req.GetHeaders("User-to-User") {
		uui, err := siprec.ParseUserToUser(h.Value())
		if err != nil {
			continue
		}
		content := string(uui.Content)
		if m := ticketParameter.FindStringSubmatch(content); m != nil {
			content = m[1]
		}
		found = addTicket(found, content, ticketFromUUI)
	}
	return found
}

// ticketsInMetadata finds tickets in extension elements of a SIPREC document.
func ticketsInMetadata(found []spool.FoundTicket, m *siprec.Metadata, names []string) []spool.FoundTicket {
	for _, name := range names {
		for _, v := range m.Extension(name) {
			found = addTicket(found, v, ticketFromExtension)
		}
	}
	return found
}

func addTicket(found []spool.FoundTicket, id, source string) []spool.FoundTicket {
	id = strings.TrimSpace(id)
	if id == "" || len(found) >= maxTickets {
		return found
	}
	for _, t := range found {
		if t.ID == id {
			return found
		}
	}
	return append(found, spool.FoundTicket{ID: id, Source: source})
}

// hasOption says whether a request requires or supports an option tag.
func hasOption(req *sip.Request, option string) bool {
	for _, name := range []string{"Require", "Supported"} {
		for _, h := range req.GetHeaders(name) {
			for _, tag := range strings.Split(h.Value(), ",") {
				if strings.EqualFold(strings.TrimSpace(tag), option) {
					return true
				}
			}
		}
	}
	return false
}
