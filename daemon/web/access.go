package web

import (
	"slices"
	"strings"
)

// Role is what a person or a program is to the archive. A token has one.
type Role string

const (
	RoleAgent         Role = "agent"          // answers the phone, works on tickets
	RoleSupervisor    Role = "supervisor"     // leads agents
	RoleTrainer       Role = "trainer"        // picks calls that others learn from
	RoleFraud         Role = "fraud"          // follows a number across calls
	RolePrivacy       Role = "privacy"        // answers a person who asks for their own data
	RoleLegal         Role = "legal"          // answers a court
	RoleAbuse         Role = "abuse"          // works on junk fax; has no business with calls
	RoleAdmin         Role = "admin"          // says who may do what
	RoleRecorderAdmin Role = "recorder-admin" // keeps the recorder running
	RoleAuditor       Role = "auditor"        // checks that every call is there, and who did what
	// roleLocal is root or the service's own user, over the local socket. No token has it.
	roleLocal Role = "local"
)

// Action is a set of things that may be done.
type Action uint16

const (
	Public   Action = 1 << iota // anybody, without a token
	Search                      // find recordings by ticket, or one by its id
	Browse                      // list recordings without knowing a ticket: by number, time, state
	Parties                     // see who spoke: numbers of caller and callee
	Play                        // listen
	Download                    // take the audio away as a file
	Link                        // put tickets on recordings and take them off
	Tokens                      // make, list and revoke tokens
	Status                      // see how the daemon is
	Describe                    // read the description of the API
	Reindex                     // have the catalog rebuilt
)

var actionNames = []string{"public", "search", "browse", "parties", "play", "download", "link", "tokens", "status", "describe", "reindex"}

func (a Action) String() string {
	var names []string
	for i, name := range actionNames {
		if a&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// rights is the one place that says who may do what. The privacy policy gives access to "only staff who need it for a
// particular job", so a right that is not needed for the job in the comment above is not here.
//
//   - An agent works from a ticket. Listing calls by number or time is fishing, and left to those whose job it is.
//   - A trainer needs voices, not numbers, and plays where the archive can see it: no files.
//   - An auditor sees that a recording is there, when and how long, not who spoke nor what was said.
//   - An admin deals with accounts and listens to nothing. Whoever can make a token can make one that plays; but then the
//     ledger has both the token and the play.
//   - root and the service's own user, over the local socket, may do all of it: they can read the keys from the disk
//     anyway. To refuse them would protect nobody and would drive them past the ledger.
var rights = map[Role]Action{
	RoleAgent:         Search | Parties | Play | Download | Link | Describe,
	RoleSupervisor:    Search | Parties | Play | Download | Link | Describe | Browse | Status,
	RoleTrainer:       Search | Browse | Play | Describe,
	RoleFraud:         Search | Browse | Parties | Play | Download | Describe,
	RolePrivacy:       Search | Browse | Parties | Play | Download | Describe,
	RoleLegal:         Search | Browse | Parties | Play | Download | Describe,
	RoleAbuse:         Describe,
	RoleAdmin:         Tokens | Status | Describe,
	RoleRecorderAdmin: Status | Describe | Reindex,
	RoleAuditor:       Search | Browse | Status | Describe,
	roleLocal:         Search | Browse | Parties | Play | Download | Link | Tokens | Status | Describe | Reindex,
}

// doors says what each route asks for. A route that is not here cannot be registered, so none is open by oversight. The
// audio's handler asks for Download on top where a file is wanted.
var doors = map[string]Action{
	"GET /healthz": Public,
	"GET /readyz":  Public,

	"GET /v1/tickets/{ticket}/recordings":         Search,
	"PUT /v1/tickets/{ticket}/recordings/{id}":    Link,
	"DELETE /v1/tickets/{ticket}/recordings/{id}": Link,
	"GET /v1/recordings":                          Browse,
	"GET /v1/recordings/{id}":                     Search,
	"GET /v1/recordings/{id}/audio":               Play,
	"GET /v1/recordings/{id}/peaks":               Play,           // they show who spoke when
	"GET /v1/recordings/{id}/manifest":            Play | Parties, // who, when, and what became of every packet
	"GET /v1/tokens":                              Tokens,
	"POST /v1/tokens":                             Tokens,
	"DELETE /v1/tokens/{id}":                      Tokens,
	"GET /v1/status":                              Status,
	"POST /v1/reindex":                            Reindex,
	"GET /openapi.json":                           Describe,

	"GET /{$}":                             Search,
	"GET /recordings/{id}":                 Search,
	"POST /recordings/{id}/tickets":        Link,
	"POST /recordings/{id}/tickets/remove": Link,
	"GET /sign-in":                         Public,
	"POST /sign-in":                        Public,
	"POST /sign-out":                       Public,
	"GET /static/{file}":                   Public,
}

// may says whether a role has every right of a set. A role that is not in the table has none.
func (r Role) may(a Action) bool {
	return a != 0 && rights[r]&a == a
}

// Roles lists the roles that a token or the local socket's group can have.
func Roles() []Role {
	var list []Role
	for role := range rights {
		if role != roleLocal {
			list = append(list, role)
		}
	}
	slices.Sort(list)
	return list
}

// ValidRole says whether a token can have a role.
func ValidRole(r Role) bool { return slices.Contains(Roles(), r) }

// rolesWith lists the roles that may do something, for the description of the API.
func rolesWith(a Action) []Role {
	return slices.DeleteFunc(Roles(), func(r Role) bool { return !r.may(a) })
}
