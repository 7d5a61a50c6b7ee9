package client

import (
	"encoding/xml"
	"fmt"
	"time"
)

// The elements of RFC 7865, in the order of its schema.
type recordingXML struct {
	XMLName      xml.Name         `xml:"urn:ietf:params:xml:ns:recording:1 recording"`
	DataMode     string           `xml:"datamode"`
	Group        groupXML         `xml:"group"`
	Session      sessionXML       `xml:"session"`
	Participants []participantXML `xml:"participant"`
	Streams      []streamXML      `xml:"stream"`
	Recorded     associationXML   `xml:"sessionrecordingassoc"`
	Joined       []associationXML `xml:"participantsessionassoc"`
	Heard        []heardXML       `xml:"participantstreamassoc"`
}

type groupXML struct {
	ID   string `xml:"group_id,attr"`
	From string `xml:"associate-time"`
}

type sessionXML struct {
	ID    string `xml:"session_id,attr"`
	SIP   string `xml:"sipSessionID"`
	Group string `xml:"group-ref"`
	Start string `xml:"start-time"`
}

type participantXML struct {
	ID   string  `xml:"participant_id,attr"`
	Name nameXML `xml:"nameID"`
}

type nameXML struct {
	URI  string `xml:"aor,attr"`
	Name string `xml:"name,omitempty"`
}

type streamXML struct {
	ID      string `xml:"stream_id,attr"`
	Session string `xml:"session_id,attr"`
	Label   string `xml:"label"`
}

type associationXML struct {
	Participant string `xml:"participant_id,attr,omitempty"`
	Session     string `xml:"session_id,attr"`
	From        string `xml:"associate-time"`
}

type heardXML struct {
	Participant string `xml:"participant_id,attr"`
	Send        string `xml:"send"`
	Receive     string `xml:"recv"`
}

// snapshot writes the metadata of a call that has just begun: each party sends the stream that bears its label
// and hears the other's.
func snapshot(parties [2]party, at time.Time) ([]byte, error) {
	now := at.UTC().Format(time.RFC3339)
	doc := recordingXML{
		DataMode: "complete",
		Group:    groupXML{ID: identifier(), From: now},
		// The two halves of an RFC 7989 identifier, of the call that is being recorded.
		Session: sessionXML{ID: identifier(), SIP: randomHex(16) + ";remote=" + randomHex(16), Start: now},
	}
	doc.Session.Group = doc.Group.ID
	doc.Recorded = associationXML{Session: doc.Session.ID, From: now}
	streams := [2]string{identifier(), identifier()}
	for i, p := range parties {
		who := participantXML{ID: identifier(), Name: nameXML{URI: p.uri, Name: p.name}}
		doc.Participants = append(doc.Participants, who)
		doc.Streams = append(doc.Streams, streamXML{ID: streams[i], Session: doc.Session.ID, Label: label(i)})
		doc.Joined = append(doc.Joined, associationXML{Participant: who.ID, Session: doc.Session.ID, From: now})
		doc.Heard = append(doc.Heard, heardXML{Participant: who.ID, Send: streams[i], Receive: streams[1-i]})
	}
	b, err := xml.MarshalIndent(doc, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write metadata: %w", err)
	}
	return append([]byte(xml.Header), b...), nil
}
