package transports

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The bounds of the claim topics: patterns in each list, and the bytes of one.
const (
	maxTopics  = 64
	maxPattern = 512
)

// claims are what a user token says (RFC 7519 section 4, and two of ours).
type claims struct {
	jwt.RegisteredClaims
	App    string  `json:"app,omitempty"`
	Topics *Topics `json:"topics,omitempty"`
}

// UnmarshalJSON takes the claims by their exact names. encoding/json would let
// "SUB" overwrite "sub", which is a hole where an issuer lets its users choose
// further claims.
func (c *claims) UnmarshalJSON(b []byte) error {
	return unmarshalExactly(b, []member{
		{"iss", &c.Issuer}, {"sub", &c.Subject}, {"aud", &c.Audience},
		{"exp", &c.ExpiresAt}, {"nbf", &c.NotBefore}, {"iat", &c.IssuedAt},
		{"app", &c.App}, {"topics", &c.Topics},
	})
}

// UnmarshalJSON takes the lists by their exact names, as claims are.
func (t *Topics) UnmarshalJSON(b []byte) error {
	return unmarshalExactly(b, []member{{"read", &t.Read}, {"write", &t.Write}})
}

// A member is what a value of an object is read into.
type member struct {
	name string
	into any
}

// unmarshalExactly reads the members of an object by their exact names.
func unmarshalExactly(b []byte, members []member) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for _, m := range members {
		raw, ok := all[m.name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, m.into); err != nil {
			return fmt.Errorf("claim %s: %w", m.name, err)
		}
	}
	return nil
}

// Validate implements jwt.ClaimsValidator: it is called after the signature
// and together with the times.
func (c *claims) Validate() error {
	if _, err := ParseUser(c.Subject); err != nil {
		return refuse("the token's sub is no user name: 1 to %d bytes of A-Z a-z 0-9 . _ : @ -", MaxUser)
	}
	if strings.HasPrefix(c.Subject, AnonymousUsers) {
		return refuse("the token's sub begins with %s, as the names of clients without a credential do", AnonymousUsers)
	}
	if c.Topics == nil {
		return nil
	}
	return c.Topics.check()
}

// app returns the app that the claims name.
func (c *claims) app() string {
	if c.App == "" {
		return DefaultApp
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
		return refuse("the token's exp lies more than %s behind %s; the longest life of a token here (limits.token_lifetime) is that", cfg.MaxLifetime, what)
	}
	return nil
}

// principal returns the caller whom verified claims name.
func (c *claims) principal(app string, leeway time.Duration) *Principal {
	p := &Principal{
		ID:      "user:" + c.Subject,
		App:     app,
		Kind:    UserToken,
		Scopes:  ScopeRead,
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

// check refuses what would cost too much to match at each publish.
func (t Topics) check() error {
	for _, list := range [][]string{t.Read, t.Write} {
		if len(list) > maxTopics {
			return refuse("the token's claim topics has more than %d patterns", maxTopics)
		}
		for _, pattern := range list {
			if pattern == "" || len(pattern) > maxPattern {
				return refuse("a pattern in the token's claim topics has 1 to %d bytes", maxPattern)
			}
		}
	}
	return nil
}
