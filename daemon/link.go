package main

import (
	"context"
	"fmt"
	"net/url"
)

type linkCmd struct {
	connection
	ID     string `arg:"" help:"Recording ID."`
	Ticket string `help:"Ticket to put on it." required:"" placeholder:"TICKET"`
}

func (c *linkCmd) Run(s *streams) error {
	return setLink(c.connection, s, "PUT", c.Ticket, c.ID, "is linked to")
}

type unlinkCmd struct {
	connection
	ID     string `arg:"" help:"Recording ID."`
	Ticket string `help:"Ticket to take off it." required:"" placeholder:"TICKET"`
}

func (c *unlinkCmd) Run(s *streams) error {
	return setLink(c.connection, s, "DELETE", c.Ticket, c.ID, "is no longer linked to")
}

func setLink(c connection, s *streams, method, ticket, id, done string) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	path := "/v1/tickets/" + url.PathEscape(ticket) + "/recordings/" + url.PathEscape(id)
	if err := api.do(context.Background(), method, path, nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "Recording %s %s ticket %s.\n", id, done, ticket)
	return nil
}
