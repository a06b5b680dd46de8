package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"reddot/actors"
	"reddot/actors/store/embedded"
	"reddot/actors/store/postgres"
	"reddot/cmd/internal/config"
	"reddot/transports"
	"reddot/transports/auth"
)

// A KeyOrder says which key is to be made.
type KeyOrder struct {
	App       string // empty: the default one, or none for an operator
	Name      string
	Scopes    []string
	Addresses []string   // addresses and networks that it may come from; none: any
	ExpiresAt *time.Time // nil: never
}

// parse returns the order as the keys understand it.
func (o *KeyOrder) parse() (order auth.KeyOrder, err error) {
	order = auth.KeyOrder{App: o.App, Name: o.Name}
	if order.Scopes, err = transports.ParseScopes(o.Scopes); err != nil {
		return order, plain(err)
	}
	if order.Addresses, err = transports.ParseNetworks(o.Addresses); err != nil {
		return order, plain(err)
	}
	if o.ExpiresAt != nil {
		order.ExpiresAt = *o.ExpiresAt
	}
	if order.App == "" && order.Scopes != transports.ScopeOperator {
		order.App = transports.DefaultApp
	}
	return order, nil
}

// CreateKey makes a server key in a data directory that no server uses, or in
// the database that a URL names: the first key, with which all others are made.
func CreateKey(ctx context.Context, data, url string, o KeyOrder, log *slog.Logger) (key auth.Key, text transports.Secret, err error) {
	order, err := o.parse()
	if err != nil {
		return key, text, err
	}
	s, err := openAnyStore(ctx, embedded.Config{Dir: data}, postgres.Config{URL: url}, log, nil)
	if errors.Is(err, embedded.ErrInUse) {
		return key, text, fmt.Errorf("%w\n(a server that runs is asked with --url and a key of the scope admin instead)", err)
	}
	if err != nil {
		return key, text, err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	keys, err := auth.LoadKeys(ctx, toldRecords{s, func() {}}, nil) // servers on the same database hear of it
	if err != nil {
		return key, text, err
	}
	order.By = "offline"
	if who := os.Getenv("USER"); who != "" {
		order.By += ":" + who
	}
	cfg := config.Default()
	audit := newAudit(&cfg, s, nil, log)
	order.Noting = func(key auth.Key) error {
		return audit.Note(ctx, keyMade(order.By, key))
	}
	key, text, err = keys.Create(ctx, order)
	return key, text, plain(err)
}

// A TokenOrder says for whom a token is.
type TokenOrder struct {
	App, User   string // an empty App is the default one
	TTL         time.Duration
	Read, Write []string // patterns of live topics
}

// IssueToken signs a user's token with the secret of the configuration.
func IssueToken(cfg config.Config, o TokenOrder) (string, error) {
	if o.App == "" {
		o.App = transports.DefaultApp
	}
	if v, ok := cfg.Tokens().Apps[o.App]; !ok || v.Secret.IsZero() {
		return "", fmt.Errorf("the configuration has no secret for the app %s; set token.secret (REDDOT_TOKEN_SECRET), at least 32 bytes, as of: openssl rand -hex 32", o.App)
	}
	tokens, err := auth.NewTokens(cfg.Tokens(), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	token, err := tokens.Issue(o.App, o.User, o.TTL, transports.Topics{Read: o.Read, Write: o.Write})
	return token, plain(err)
}

// plain leaves of an error for clients its sentence: the code is for programs.
func plain(err error) error {
	var e *actors.Error
	if errors.As(err, &e) && e.Cause == nil {
		return errors.New(e.Detail)
	}
	return err
}
