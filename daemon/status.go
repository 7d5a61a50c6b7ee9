package main

import (
	"context"
	"encoding/json"
)

type statusCmd struct{ connection }

func (c *statusCmd) Run(s *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := api.do(context.Background(), "GET", "/v1/status", nil, &raw); err != nil {
		return err
	}
	return printJSON(s.out, raw)
}
