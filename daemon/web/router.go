package web

import (
	"context"
	"net/http"
)

// router registers routes, each behind its door: nothing behind it runs before the caller has been asked.
type router struct {
	*http.ServeMux
	patterns []string // in the order they were registered
	refuse   func(w http.ResponseWriter, r *http.Request, err error)
}

// HandleFunc registers a handler for a pattern that the table of doors has.
func (rt *router) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	need, listed := doors[pattern]
	if !listed || need == 0 {
		panic("web: route " + pattern + " is not in the table of doors")
	}
	rt.patterns = append(rt.patterns, pattern)
	if need == Public {
		rt.ServeMux.HandleFunc(pattern, handler)
		return
	}
	rt.ServeMux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		who, err := identify(r)
		if err == nil && !who.role.may(need) {
			err = forbidden{who.role, need}
		}
		if err != nil {
			rt.refuse(w, r, err)
			return
		}
		handler(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
	})
}
