package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed templates static
var files embed.FS

// pages are the console's templates and what they refer to.
type pages struct {
	byName map[string]*template.Template
	assets map[string]asset
}

// asset is a file that pages refer to by name and hash: it may be kept for ever, since changed content has another address.
type asset struct {
	content []byte
	hash    string
}

func loadPages() (*pages, error) {
	p := &pages{byName: make(map[string]*template.Template), assets: make(map[string]asset)}
	names, err := fs.Glob(files, "static/*")
	if err != nil {
		return nil, fmt.Errorf("list assets: %w", err)
	}
	for _, name := range names {
		content, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read asset: %w", err)
		}
		sum := sha256.Sum256(content)
		p.assets[path.Base(name)] = asset{content, hex.EncodeToString(sum[:8])}
	}
	layout, err := template.New("layout.html").Funcs(template.FuncMap{
		"asset": p.address, "when": when, "machine": machineTime, "length": length, "spell": spell, "field": field,
	}).ParseFS(files, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("parse layout: %w", err)
	}
	for _, name := range []string{"sign-in", "search", "recording", "problem", "return"} {
		t, err := layout.Clone()
		if err == nil {
			t, err = t.ParseFS(files, "templates/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("parse page: %w", err)
		}
		p.byName[name] = t
	}
	return p, nil
}

// view is what every page shows, around what is its own.
type view struct {
	Title   string
	Version string
	Name    string // of who is signed in; with Role
	Role    Role   // "" when nobody is
	Ticket  string // in the search field
	Body    any
}

// show answers with a page.
func (s *Server) show(w http.ResponseWriter, status int, name string, who identity, v view) {
	v.Version, v.Name, v.Role = s.c.Version, who.name, who.role
	var page bytes.Buffer
	if err := s.pages.byName[name].ExecuteTemplate(&page, "layout.html", v); err != nil {
		s.log.Error("make page", "page", name, "error", err)
		writeProblem(w, problem(http.StatusInternalServerError, "This page could not be made. It has been logged."))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(page.Bytes()) // a client that is gone is nothing to report
}

// showProblem answers a person with what a program gets as a problem document. Who is not signed in is asked to, and comes
// back to where they wanted to go.
func (s *Server) showProblem(w http.ResponseWriter, r *http.Request, p *huma.ErrorModel) {
	if p.Status == http.StatusUnauthorized {
		s.askToSignIn(w, r)
		return
	}
	who, _ := s.signedIn(r) // nobody is fine
	s.show(w, p.Status, "problem", who, view{Title: p.Title, Body: p})
}

// address is where a page finds an asset.
func (p *pages) address(name string) (string, error) {
	a, ok := p.assets[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return "/static/" + name + "?v=" + a.hash, nil
}

// serveAsset answers with an asset. Nothing in it is about anyone, so any cache may keep it.
func (s *Server) serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	a, ok := s.pages.assets[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	keep := "no-cache"
	if r.URL.Query().Get("v") == a.hash {
		keep = "public, max-age=31536000, immutable"
	}
	w.Header().Set("Cache-Control", keep)
	w.Header().Set("ETag", etag(a.hash, ""))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(a.content))
}

// searchField is the field for a ticket.
type searchField struct {
	Value      string
	Bad, Focus bool
}

func field(value string, bad, focus bool) searchField { return searchField{value, bad, focus} }

// when is a time for people who have no script to see it in their own zone.
func when(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") }

// machineTime is a time for the attribute of a time element.
func machineTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// length is how long a recording is, as a clock shows it.
func length(ms int64) string {
	s := (ms + 500) / 1000
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// spell makes a word of the API one for people.
func spell(word string) string {
	switch word {
	case "in":
		return "incoming"
	case "out":
		return "outgoing"
	}
	return strings.ReplaceAll(word, "_", " ")
}
