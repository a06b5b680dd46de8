package auth

import (
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"reddot/transports"
)

// claims are what a user token says (RFC 7519 section 4, and two of ours).
type claims struct {
	jwt.RegisteredClaims
	App    string             `json:"app,omitempty"`
	Topics *transports.Topics `json:"topics,omitempty"`
}

// UnmarshalJSON takes the claims by their exact names. encoding/json would let
// "SUB" overwrite "sub", which is a hole where an issuer lets its users choose
// further claims.
func (c *claims) UnmarshalJSON(b []byte) error {
	return transports.UnmarshalExactly(b, []transports.Member{
		{Name: "iss", Into: &c.Issuer}, {Name: "sub", Into: &c.Subject}, {Name: "aud", Into: &c.Audience},
		{Name: "exp", Into: &c.ExpiresAt}, {Name: "nbf", Into: &c.NotBefore}, {Name: "iat", Into: &c.IssuedAt},
		{Name: "app", Into: &c.App}, {Name: "topics", Into: &c.Topics},
	})
}

// Validate implements jwt.ClaimsValidator: it is called after the signature
// and together with the times.
func (c *claims) Validate() error {
	if _, err := transports.ParseUser(c.Subject); err != nil {
		return transports.Unauthorizedf("the token's sub is no user name: 1 to %d bytes of A-Z a-z 0-9 . _ : @ -", transports.MaxUser)
	}
	if strings.HasPrefix(c.Subject, transports.AnonymousUsers) {
		return transports.Unauthorizedf("the token's sub begins with %s, as the names of clients without a credential do", transports.AnonymousUsers)
	}
	if c.Topics == nil {
		return nil
	}
	return c.Topics.Check()
}

// app returns the app that the claims name.
func (c *claims) app() string {
	if c.App == "" {
		return transports.DefaultApp
	}
	return c.App
}

// lives refuses a token that would outlive what a revocation of it can.
func (c *claims) lives(cfg TokensConfig) error {
	from, what := cfg.Now(), "now"
	if c.IssuedAt != nil {
		from, what = c.IssuedAt.Time, "its iat"
	}
	if c.ExpiresAt.Sub(from) > cfg.MaxLifetime+cfg.Leeway {
		return transports.Unauthorizedf("the token's exp lies more than %s behind %s; the longest life of a token here (limits.token_lifetime) is that", cfg.MaxLifetime, what)
	}
	return nil
}

// principal returns the caller whom verified claims name.
func (c *claims) principal(app string, leeway time.Duration) *transports.Principal {
	p := &transports.Principal{
		ID:      "user:" + c.Subject,
		App:     app,
		Kind:    transports.UserToken,
		Scopes:  transports.ScopeRead,
		User:    c.Subject,
		Expires: c.ExpiresAt.Add(leeway),
	}
	if c.IssuedAt != nil {
		p.Issued = c.IssuedAt.Time
	}
	if c.Topics != nil {
		p.Topics = *c.Topics
	}
	return p
}
