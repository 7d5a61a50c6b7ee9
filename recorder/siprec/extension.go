package siprec

import "strings"

// Extension is an element or attribute that RFC 7865 does not have.
type Extension struct {
	Space string // namespace
	Name  string
	Value string
}

// Namespaces that are SIPREC's own: that of RFC 7865 and those of the drafts, and one of a vendor.
const (
	ownSpaces   = "urn:ietf:params:xml:ns:recording"
	vendorSpace = "urn:ietf:params:xml:ns:siprec"
)

// known are the element names of RFC 7865, 8.2, and of its drafts, in lower case; all others are extensions.
var known = map[string]bool{
	"recording": true, "recording_metadata": true, "requestsnapshot": true, "requestreason": true, "datamode": true,
	"group": true, "session": true, "participant": true, "stream": true,
	"sessionrecordingassoc": true, "participantsessionassoc": true, "participantstreamassoc": true,
	"nameid": true, "name": true, "aor": true, "label": true, "send": true, "recv": true, "id": true, "group-ref": true,
	"sipsessionid": true, "reason": true, "start-time": true, "stop-time": true, "end-time": true, "associate-time": true,
	"disassociate-time": true, "content-type": true, "param": true, "mode": true, "extensiondata": true,
}

// Extension is the text of every element or attribute outside RFC 7865 that has this local name, in document order.
func (m *Metadata) Extension(name string) []string {
	var values []string
	for _, e := range m.Extensions {
		if strings.EqualFold(e.Name, name) && e.Value != "" {
			values = append(values, e.Value)
		}
	}
	return values
}

// extend gathers extensions that hold text, and their attributes, in document order. What is within one is one.
func (m *Metadata) extend(e *element, within bool) {
	within = within || m.foreign(e.space) || !known[e.lower()]
	if within && e.text != "" {
		m.Extensions = append(m.Extensions, Extension{Space: e.space, Name: e.name, Value: e.text})
	}
	for _, a := range e.attrs {
		switch {
		case a.Name.Space == "xmlns", a.Name.Space == "" && a.Name.Local == "xmlns", isXML(a.Name.Space):
		case within, m.foreign(a.Name.Space):
			space := a.Name.Space
			if space == "" {
				space = e.space
			}
			m.Extensions = append(m.Extensions, Extension{Space: space, Name: a.Name.Local, Value: strings.TrimSpace(a.Value)})
		}
	}
	for _, c := range e.children {
		m.extend(c, within || e.lower() == "extensiondata")
	}
}

// foreign says whether a namespace is not SIPREC's.
func (m *Metadata) foreign(space string) bool {
	return space != "" && space != m.space && space != vendorSpace && !strings.HasPrefix(space, ownSpaces)
}

// isXML says whether a namespace is that of xml:lang and the like.
func isXML(space string) bool {
	return space == "xml" || space == "http://www.w3.org/XML/1998/namespace"
}
