package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/jsontext"
)

// TokensConfig says how user tokens are verified.
type TokensConfig struct {
	Apps map[string]Verification // by app; an app that is not here takes no tokens
	TokenRules
	MaxSize      int              // bytes of a token; 0: 8 KiB
	CacheSize    int              // verified tokens kept; 0: 16,384, negative: none
	RefreshEvery time.Duration    // between fetches of a JWKS; 0: 15 min
	RefetchAfter time.Duration    // least time between fetches for unknown key ids, and after a failure; 0: 10 s
	Now          func() time.Time // the wall clock, by which tokens expire; nil: time.Now
	Changed      func()           // called after an issuer's keys have changed; nil: nobody is told

	steady func() time.Time // by which pauses are measured; nil: time.Now
}

// TokenRules are the bounds of all tokens.
type TokenRules struct {
	Leeway      time.Duration `yaml:"token_leeway"`   // by which the clocks of issuers may differ from ours; 0: 30 s, negative: none
	MaxLifetime time.Duration `yaml:"token_lifetime"` // the longest life of a token, from iat, or else from now, to exp; 0: 720 h
}

// WithDefaults returns the rules with numbers in all fields.
func (r TokenRules) WithDefaults() TokenRules {
	transports.SetDefault(&r.Leeway, 30*time.Second)
	transports.SetDefault(&r.MaxLifetime, 720*time.Hour)
	r.Leeway = max(0, r.Leeway)
	return r
}

func (c TokensConfig) withDefaults() TokensConfig {
	c.TokenRules = c.WithDefaults()
	if c.MaxSize == 0 {
		c.MaxSize = 8 << 10
	}
	if c.CacheSize == 0 {
		c.CacheSize = 16 << 10
	}
	if c.RefreshEvery == 0 {
		c.RefreshEvery = 15 * time.Minute
	}
	if c.RefetchAfter == 0 {
		c.RefetchAfter = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.steady == nil {
		c.steady = time.Now
	}
	return c
}

func (c TokensConfig) check() error {
	if c.MaxSize < 0 || c.RefreshEvery < 0 || c.RefetchAfter < 0 || c.MaxLifetime < 0 {
		return errors.New("MaxSize, RefreshEvery, RefetchAfter and MaxLifetime cannot be negative")
	}
	return nil
}

// Tokens verify the user tokens (JWT, RFC 7519) of all apps. A token that was
// verified once is remembered, by its SHA-256 and until it expires. It is safe
// for concurrent use.
type Tokens struct {
	cfg         TokensConfig
	apps        map[string]*verifier
	revocations *Revocations
	cache       *transports.Recent[[sha256.Size]byte, verified] // nil: none
	bad         *transports.Recent[[sha256.Size]byte, refused]
	epoch       atomic.Uint64 // rises when an issuer's keys change: what was verified before counts no more
}

// verified is a token in the cache.
type verified struct {
	principal *transports.Principal
	expires   time.Time // exp itself; the leeway is not spent on the cache
	epoch     uint64
}

// refused is a token that was found bad a moment ago. A client that tries the
// same one again and again costs its address one failure, and us no signature.
type refused struct {
	err   *actors.Error
	until time.Time
	epoch uint64
}

// How many bad tokens are remembered, and for how long: one could become good,
// as when its time comes or its key is published.
const (
	badTokens = 1 << 12
	badTime   = 10 * time.Second
)

// knownBad returns why the token is bad, if that was found a moment ago.
func (t *Tokens) knownBad(token []byte) error {
	b, ok := t.bad.Get(sha256.Sum256(token))
	if !ok || b.epoch != t.epoch.Load() || !t.cfg.steady().Before(b.until) {
		return nil
	}
	return b.err
}

func (t *Tokens) noteBad(token []byte, err *actors.Error) {
	t.bad.Put(sha256.Sum256(token), refused{err, t.cfg.steady().Add(badTime), t.epoch.Load()})
}

// NewTokens returns the verifier of all apps in cfg. It fetches nothing; Run
// does, or the first token. Nil revocations: none.
func NewTokens(cfg TokensConfig, revocations *Revocations, log *slog.Logger) (*Tokens, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	cfg = cfg.withDefaults()
	t := &Tokens{cfg: cfg, apps: map[string]*verifier{}, revocations: revocations, bad: transports.NewRecent[[sha256.Size]byte, refused](badTokens)}
	if cfg.CacheSize > 0 {
		t.cache = transports.NewRecent[[sha256.Size]byte, verified](cfg.CacheSize)
	}
	for app, v := range cfg.Apps {
		if _, err := transports.ParseApp(app); err != nil {
			return nil, fmt.Errorf("tokens: %w", err)
		}
		verifier, err := newVerifier(app, v, cfg, log)
		if err != nil {
			return nil, fmt.Errorf("tokens: %w", err)
		}
		if verifier.jwks != nil {
			verifier.jwks.changed = func() {
				t.epoch.Add(1)
				cfg.Changed()
			}
		}
		t.apps[app] = verifier
	}
	return t, nil
}

// Run keeps the JWK Sets fresh until ctx ends.
func (t *Tokens) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, v := range t.apps {
		if v.jwks != nil {
			all.Go(func() { v.jwks.run(ctx) })
		}
	}
	all.Wait()
}

// Verify returns the caller with this token. It keeps nothing of the token.
// The error is Unauthorized and says what is wrong, or Unavailable if the keys
// to verify it cannot be had. It may wait for a fetch of keys, until ctx ends.
func (t *Tokens) Verify(ctx context.Context, token []byte) (*transports.Principal, error) {
	if len(token) > t.cfg.MaxSize {
		return nil, transports.Unauthorizedf("the token has %d bytes; at most %d are taken", len(token), t.cfg.MaxSize)
	}
	sum := sha256.Sum256(token)
	p, ok := t.recall(sum)
	if !ok {
		var err error
		if p, err = t.verify(ctx, token, sum); err != nil {
			return nil, err
		}
	}
	if err := t.revoked(p); err != nil {
		return nil, err
	}
	return p, nil
}

// Remembers returns the caller if the token is known as good. It is cheap,
// where Verify may have to check a signature.
func (t *Tokens) Remembers(token []byte) (*transports.Principal, bool) {
	if len(token) > t.cfg.MaxSize {
		return nil, false
	}
	p, ok := t.recall(sha256.Sum256(token))
	return p, ok && t.revoked(p) == nil
}

// Rules returns the bounds in force, without zero values.
func (t *Tokens) Rules() TokenRules { return t.cfg.TokenRules }

func (t *Tokens) revoked(p *transports.Principal) *actors.Error {
	if t.revocations == nil || t.revocations.count.Load() == 0 {
		return nil // the common case asks no clock
	}
	return t.revocations.Refuses(p.App, p.User, p.Issued, t.cfg.Now(), t.cfg.TokenRules)
}

func (t *Tokens) recall(sum [sha256.Size]byte) (*transports.Principal, bool) {
	if t.cache == nil {
		return nil, false
	}
	v, ok := t.cache.Get(sum)
	if !ok || v.epoch != t.epoch.Load() || !t.cfg.Now().Before(v.expires) {
		return nil, false
	}
	return v.principal, true
}

func (t *Tokens) verify(ctx context.Context, token []byte, sum [sha256.Size]byte) (*transports.Principal, error) {
	for _, c := range token {
		if !tokenByte(c) {
			return nil, transports.Unauthorizedf(malformed)
		}
	}
	epoch := t.epoch.Load()
	text := string(token)
	v, err := t.verifierOf(text)
	if err != nil {
		return nil, err
	}
	p, c, err := v.verify(ctx, text, t.cfg)
	if err != nil {
		return nil, err
	}
	if t.cache != nil {
		t.cache.Put(sum, verified{principal: p, expires: c.ExpiresAt.Time, epoch: epoch})
	}
	return p, nil
}

// verifierOf reads, without any trust, which app should verify the token.
// Claiming another app gains nothing: that app's own keys must then fit.
func (t *Tokens) verifierOf(token string) (*verifier, error) {
	alg, app, err := peek(token)
	if err != nil {
		return nil, err
	}
	v := t.apps[app]
	if v == nil {
		return nil, transports.Unauthorizedf("the app that the token names takes no user tokens here")
	}
	if !v.allows(alg) {
		return nil, transports.Unauthorizedf("the token's algorithm %.16q is not allowed for its app; %s is", alg, orList(v.algs))
	}
	return v, nil
}

// peek reads the algorithm and the app out of a token that nobody has verified
// yet. It is for choosing who verifies; that one reads the token again.
func peek(token string) (alg, app string, err error) {
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") {
		return "", "", transports.Unauthorizedf(malformed)
	}
	if alg, err = memberOf(header, "alg"); err != nil {
		return "", "", err
	}
	if app, err = memberOf(payload, "app"); app == "" {
		app = transports.DefaultApp
	}
	return alg, app, err
}

// memberOf returns the string under the name in a segment of a token, or "". A
// segment in which a name stands twice is refused (RFC 7515 section 4, RFC 7519
// section 4): whoever signed it and whoever reads it could mean different things.
func memberOf(segment, name string) (value string, err error) {
	text, err := base64.RawURLEncoding.DecodeString(segment)
	if err == nil {
		err = jsontext.Check(text, transports.MaxDepth)
	}
	switch {
	case errors.Is(err, jsontext.ErrTwice):
		return "", transports.Unauthorizedf("the token has a name twice in one object, and so can be read in two ways")
	case err != nil:
		return "", transports.Unauthorizedf(malformed)
	}
	var s jsontext.Scanner
	s.Reset(text, transports.MaxDepth)
	if transports.FindText(&s, name) && s.Peek() == '"' {
		t, _ := s.Text()
		value = t.String()
	}
	return value, nil
}

// Issue makes a token for the user of the app, signed by HS256 with the app's
// secret. Zero topics: none.
func (t *Tokens) Issue(app, user string, ttl time.Duration, topics transports.Topics) (string, error) {
	if _, err := transports.ParseUser(user); err != nil {
		return "", err
	}
	v := t.apps[app]
	switch {
	case v == nil:
		return "", &actors.Error{Code: actors.NotFound, Field: "app", Detail: "no such app is configured to take user tokens"}
	case v.secret == nil:
		return "", &actors.Error{Code: actors.Conflict, Field: "app", Detail: "the app has no secret to sign with; its tokens come from its own issuer"}
	case ttl < time.Second:
		return "", &actors.Error{Code: actors.Invalid, Field: "ttl", Detail: "a token lives for at least a second"}
	case ttl > t.cfg.MaxLifetime:
		return "", &actors.Error{Code: actors.Invalid, Field: "ttl", Detail: fmt.Sprintf("a token lives for at most %s (limits.token_lifetime)", t.cfg.MaxLifetime)}
	}
	now := t.cfg.Now()
	c := claims{App: app, RegisteredClaims: jwt.RegisteredClaims{Issuer: v.issuer, Subject: user,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(ttl))}}
	if v.audience != "" {
		c.Audience = jwt.ClaimStrings{v.audience}
	}
	if len(topics.Read)+len(topics.Write) > 0 {
		if err := topics.Check(); err != nil {
			return "", &actors.Error{Code: actors.Invalid, Field: "topics", Detail: actors.AsError(err).Detail}
		}
		c.Topics = &topics
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, &c).SignedString(v.secret)
	if err != nil {
		return "", fmt.Errorf("sign a token of app %s: %w", app, err)
	}
	if len(token) > t.cfg.MaxSize {
		return "", &actors.Error{Code: actors.TooLarge, Field: "topics",
			Detail: fmt.Sprintf("the token would have %d bytes; at most %d are taken", len(token), t.cfg.MaxSize)}
	}
	return token, nil
}

// tokenByte tells whether the byte may stand in a compact JWS (RFC 7515
// section 3.1). Base64 decoding would let line breaks pass.
func tokenByte(c byte) bool { return transports.NameByte(c) }

// orList writes "a, b or c".
func orList(words []string) string {
	words = slices.Clone(words)
	if n := len(words); n > 1 {
		words = append(words[:n-2], words[n-2]+" or "+words[n-1])
	}
	out := ""
	for i, w := range words {
		if i > 0 {
			out += ", "
		}
		out += w
	}
	return out
}

// rfc3339 writes the moment of a claim.
func rfc3339(d *jwt.NumericDate) string {
	if d == nil {
		return "an unknown time"
	}
	return d.UTC().Format(time.RFC3339)
}
