package siprec

import "strings"

// known are the element names of RFC 7865, 8.2, in lower case; all others are extensions.
var known = map[string]bool{
	"recording": true, "recording_metadata": true, "requestsnapshot": true, "datamode": true, "group": true, "session": true, "participant": true,
	"stream": true, "sessionrecordingassoc": true, "participantsessionassoc": true, "participantstreamassoc": true,
	"nameid": true, "name": true, "label": true, "send": true, "recv": true, "group-ref": true, "sipsessionid": true, "reason": true,
	"start-time": true, "stop-time": true, "end-time": true, "associate-time": true, "disassociate-time": true, "content-type": true,
	"param": true, "mode": true, "extensiondata": true,
}

// extensions gathers elements outside RFC 7865 that hold text, and their attributes, in document order.
func (m *Metadata) extensions(e *element) {
	if !known[strings.ToLower(e.name)] {
		if e.text != "" {
			m.Extensions = append(m.Extensions, Extension{Space: e.space, Name: e.name, Value: e.text})
		}
		for _, a := range e.attrs {
			if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
				m.Extensions = append(m.Extensions, Extension{Space: e.space, Name: a.Name.Local, Value: strings.TrimSpace(a.Value)})
			}
		}
	}
	for _, c := range e.children {
		m.extensions(c)
	}
}
