package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token; it is printed once, alone on the last line."`
	List   tokenListCmd   `cmd:"" help:"List tokens, without their secrets."`
	Revoke tokenRevokeCmd `cmd:"" help:"Make a token worthless."`
}

// accessToken is a token as the API describes it.
type accessToken struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	Token     string     `json:"token,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}

type tokenCreateCmd struct {
	connection
	Role string        `help:"What it may do: agent, supervisor, auditor, admin, …" required:"" placeholder:"ROLE"`
	Name string        `help:"Whose it is, or what for; shown by list." placeholder:"NAME"`
	TTL  time.Duration `help:"How long it lives, such as 720h." default:"2160h" placeholder:"DURATION"`
}

func (c *tokenCreateCmd) Run(s *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	t, err := api.createToken(context.Background(), c.Role, c.Name, c.TTL)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.err, "Token %s for role %s. It is shown this once:\n", t.ID, t.Role)
	_, err = fmt.Fprintln(s.out, t.Token)
	return err
}

func (a *apiClient) createToken(ctx context.Context, role, name string, ttl time.Duration) (accessToken, error) {
	var t accessToken
	in := map[string]any{"role": role, "name": name, "ttl_seconds": int64(ttl / time.Second)}
	err := a.do(ctx, "POST", "/v1/tokens", in, &t)
	return t, err
}

type tokenListCmd struct {
	connection
	JSON bool `help:"Print JSON."`
}

func (c *tokenListCmd) Run(s *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := api.do(context.Background(), "GET", "/v1/tokens", nil, &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, raw)
	}
	var tokens []accessToken
	if err := json.Unmarshal(raw, &tokens); err != nil {
		return fmt.Errorf("read list of tokens: %w", err)
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tROLE\tNAME\tCREATED\tEXPIRES\tREVOKED")
	for _, k := range tokens {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Role, dash(k.Name), day(&k.CreatedAt), day(k.ExpiresAt), day(k.RevokedAt))
	}
	return t.Flush()
}

func day(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateOnly)
}

type tokenRevokeCmd struct {
	connection
	ID string `arg:"" help:"Token ID, as list prints it."`
}

func (c *tokenRevokeCmd) Run(s *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if err := api.do(context.Background(), "DELETE", "/v1/tokens/"+url.PathEscape(c.ID), nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "Token %s is revoked.\n", c.ID)
	return nil
}
