package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// reindexProgress is a line of the answer to POST /v1/reindex.
type reindexProgress struct {
	Done  uint64 `json:"done"`
	Total uint64 `json:"total"`
	Error string `json:"error,omitempty"`
	End   bool   `json:"end,omitempty"`
}

type reindexCmd struct{ connection }

func (c *reindexCmd) Run(s *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	res, err := api.send(context.Background(), "POST", "/v1/reindex", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	for lines := json.NewDecoder(res.Body); ; {
		var p reindexProgress
		if err := lines.Decode(&p); err != nil {
			return fmt.Errorf("the daemon broke off: %w; the old catalog is still in use", err)
		}
		fmt.Fprintf(s.err, "\r%d of %d", p.Done, p.Total)
		if p.End {
			fmt.Fprintln(s.err)
			if p.Error != "" {
				return errors.New(p.Error)
			}
			fmt.Fprintln(s.err, "The catalog is rebuilt.")
			return nil
		}
	}
}
