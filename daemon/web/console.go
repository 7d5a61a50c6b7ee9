package web

import (
	"net/http"
	"net/url"
	"strings"

	"linewarden/storage"
	"linewarden/storage/catalog"
)

const (
	// maxForm of what a page sends, in bytes.
	maxForm = 16 << 10
	// latest is how many recordings the search page begins with, for those who may browse.
	latest = 10
	// sourceConsole is how a ticket became known that was linked on a page.
	sourceConsole = "console"
)

// registerConsole registers the pages.
func (s *Server) registerConsole() {
	s.routes.HandleFunc("GET /{$}", s.searchPage)
	s.routes.HandleFunc("GET /recordings/{id}", s.recordingPage)
	s.routes.HandleFunc("POST /recordings/{id}/tickets", s.linkForm)
	s.routes.HandleFunc("POST /recordings/{id}/tickets/remove", s.unlinkForm)
	s.routes.HandleFunc("GET /sign-in", s.signInPage)
	s.routes.HandleFunc("POST /sign-in", s.signInForm)
	s.routes.HandleFunc("POST /sign-out", s.signOutForm)
	s.routes.HandleFunc("GET /static/{file}", s.serveAsset)
}

// found is a recording on a page.
type found struct {
	recording
	Ticket      string // that it was found by
	Page        string // address of its own page
	Audio, File string // addresses; "" where the role may not
}

// searchBody is what the search page shows.
type searchBody struct {
	Asked  bool // for a ticket
	Bad    bool // it cannot be one
	Ticket string
	Found  []found
	Latest bool // Found are the latest of all
	Browse bool
}

// searchPage shows the recordings of a ticket.
func (s *Server) searchPage(w http.ResponseWriter, r *http.Request) {
	ctx, who := r.Context(), caller(r.Context())
	ticket := asTicket(r.URL.Query().Get("ticket"))
	body := searchBody{Asked: ticket != "", Ticket: ticket, Browse: who.role.may(Browse)}
	status, title := http.StatusOK, "Find a recording"
	var list []catalog.Recording
	var err error
	switch {
	case body.Asked && !storage.ValidTicket(ticket):
		body.Bad, status = true, http.StatusUnprocessableEntity
	case body.Asked:
		title = "Ticket " + ticket
		list, err = s.archive.FindByTicket(ctx, ticket)
	case body.Browse:
		body.Latest = true
		list, err = s.archive.Search(ctx, catalog.Query{Limit: latest})
	}
	if err != nil {
		s.refuse(w, r, s.refusal(ctx, "search for a page", "", err))
		return
	}
	for _, rec := range list {
		body.Found = append(body.Found, find(rec, who.role, ticket))
	}
	s.show(w, status, "search", who, view{Title: title, Ticket: ticket, Body: body})
}

// asTicket is a ticket as people write it, without what they put around it.
func asTicket(s string) string { return strings.TrimLeft(strings.TrimSpace(s), "#") }

func find(r catalog.Recording, role Role, ticket string) found {
	f := found{recording: describe(r, role), Ticket: ticket}
	query := ""
	if ticket != "" {
		query = "?" + url.Values{"ticket": {ticket}}.Encode()
	}
	f.Page = "/recordings/" + url.PathEscape(r.ID) + query
	if f.AudioURL == "" {
		return f
	}
	if role.may(Play) {
		f.Audio = f.AudioURL + query
	}
	if role.may(Play | Download) {
		f.File = f.AudioURL + "?" + url.Values{"download": {"1"}, "ticket": {ticket}}.Encode()
	}
	return f
}

// recordingBody is what a recording's page shows.
type recordingBody struct {
	found
	MayPlay, MayLink bool
	Typed            string // into the field for a ticket, when it cannot be one
}

// recordingPage shows one recording.
func (s *Server) recordingPage(w http.ResponseWriter, r *http.Request) {
	s.showRecording(w, r, http.StatusOK, "")
}

func (s *Server) showRecording(w http.ResponseWriter, r *http.Request, status int, typed string) {
	who, id := caller(r.Context()), r.PathValue("id")
	rec, err := s.archive.Recording(r.Context(), id)
	if err != nil {
		s.refuse(w, r, s.refusal(r.Context(), "read recording", id, err))
		return
	}
	ticket := asTicket(r.URL.Query().Get("ticket"))
	if !storage.ValidTicket(ticket) {
		ticket = ""
	}
	s.show(w, status, "recording", who, view{Title: "Recording of " + when(rec.StartedAt), Ticket: ticket, Body: recordingBody{
		found: find(rec, who.role, ticket), MayPlay: who.role.may(Play), MayLink: who.role.may(Link), Typed: typed,
	}})
}

// linkForm puts a ticket on a recording.
func (s *Server) linkForm(w http.ResponseWriter, r *http.Request) {
	if !s.readForm(w, r) {
		return
	}
	id, typed := r.PathValue("id"), r.PostForm.Get("ticket")
	ticket := asTicket(typed)
	if !storage.ValidTicket(ticket) {
		s.showRecording(w, r, http.StatusUnprocessableEntity, typed)
		return
	}
	err := s.archive.Link(r.Context(), caller(r.Context()).actor, id, ticket, sourceConsole)
	s.afterForm(w, r, "link recording", err)
}

// unlinkForm takes a ticket off a recording.
func (s *Server) unlinkForm(w http.ResponseWriter, r *http.Request) {
	if !s.readForm(w, r) {
		return
	}
	err := s.archive.Unlink(r.Context(), caller(r.Context()).actor, r.PathValue("id"), r.PostForm.Get("ticket"))
	s.afterForm(w, r, "unlink recording", err)
}

// afterForm shows the recording that a form has changed, by an address that can be loaded again.
func (s *Server) afterForm(w http.ResponseWriter, r *http.Request, doing string, err error) {
	id := r.PathValue("id")
	if err != nil {
		s.refuse(w, r, s.refusal(r.Context(), doing, id, err))
		return
	}
	http.Redirect(w, r, "/recordings/"+url.PathEscape(id), http.StatusSeeOther)
}

// readForm reads what a page has sent; it has answered when it says false.
func (s *Server) readForm(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		writeProblem(w, problem(http.StatusBadRequest, "The form could not be read."))
		return false
	}
	return true
}
