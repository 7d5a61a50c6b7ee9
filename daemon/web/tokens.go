package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linewarden/storage/catalog"
)

const (
	// tokenLife is how long a token lives when its maker does not say.
	tokenLife = 90 * 24 * time.Hour
	// maxTokenLife: who has left should not hold a token that nobody remembers.
	maxTokenLife = 366 * 24 * time.Hour
)

// token is a token as the API describes it; Token is its secret, which is shown once.
type token struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	Token     string     `json:"token,omitempty" doc:"the secret; only in the answer that made it"`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}

func describeToken(t catalog.Token) token {
	return token{
		ID: t.ID, Name: t.Name, Role: t.Role, CreatedAt: t.CreatedAt.UTC(), CreatedBy: t.CreatedBy,
		ExpiresAt: known(t.ExpiresAt), RevokedAt: known(t.RevokedAt),
	}
}

// known is a time, or nil for none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

type createTokenInput struct {
	Body struct {
		Role       string `json:"role" doc:"what it may do" minLength:"1" maxLength:"32"`
		Name       string `json:"name,omitempty" maxLength:"64" doc:"what it is for; goes into the ledger and names no person"`
		TTLSeconds int64  `json:"ttl_seconds,omitempty" minimum:"0" doc:"how long it lives; 0 is 90 days, and 366 days is most"`
	}
}

type tokenInput struct {
	ID string `path:"id" maxLength:"64" doc:"the token's id"`
}

type (
	tokenOutput  struct{ Body token }
	tokensOutput struct{ Body []token }
)

func (s *Server) registerTokens(api huma.API) {
	create := operation("POST", "/v1/tokens", "create-token", "Make a token")
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, s.createToken)
	huma.Register(api, operation("GET", "/v1/tokens", "list-tokens", "All tokens, without their secrets"), s.tokens)
	huma.Register(api, operation("DELETE", "/v1/tokens/{id}", "revoke-token", "Make a token worthless"), s.revokeToken)
}

func (s *Server) createToken(ctx context.Context, in *createTokenInput) (*tokenOutput, error) {
	life := tokenLife
	if in.Body.TTLSeconds > 0 {
		life = time.Duration(min(in.Body.TTLSeconds, int64(2*maxTokenLife/time.Second))) * time.Second // no overflow
	}
	switch {
	case !ValidRole(Role(in.Body.Role)):
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("There is no such role. The roles are %v.", Roles()))
	case life > maxTokenLife:
		return nil, problem(http.StatusUnprocessableEntity, "A token lives for 366 days at most.")
	}
	secret, t, err := s.archive.CreateToken(ctx, caller(ctx).actor, in.Body.Name, in.Body.Role, life)
	if err != nil {
		return nil, s.refusal(ctx, "create token", "", err)
	}
	made := describeToken(t)
	made.Token = secret
	return &tokenOutput{made}, nil
}

func (s *Server) tokens(ctx context.Context, _ *struct{}) (*tokensOutput, error) {
	list, err := s.archive.Tokens(ctx)
	if err != nil {
		return nil, s.refusal(ctx, "list tokens", "", err)
	}
	all := make([]token, 0, len(list)) // [] in JSON, not null
	for _, t := range list {
		all = append(all, describeToken(t))
	}
	return &tokensOutput{all}, nil
}

// revokeToken may be repeated.
func (s *Server) revokeToken(ctx context.Context, in *tokenInput) (*struct{}, error) {
	if err := s.archive.RevokeToken(ctx, caller(ctx).actor, in.ID); err != nil {
		return nil, s.refusal(ctx, "revoke token", "", err)
	}
	return nil, nil
}
