package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"reddot/actors"
	"reddot/actors/store"
	"reddot/transports"
)

// CreateKey makes a server key in a data directory that no server uses, or in
// the database that a URL names: the first key, with which all others are made.
func CreateKey(ctx context.Context, data, url, app, name string, scopes []string, log *slog.Logger) (key transports.Key, text transports.Secret, err error) {
	if app == "" {
		app = transports.DefaultApp
	}
	parsed, err := transports.ParseScopes(scopes)
	if err != nil {
		return key, text, plain(err)
	}
	s, err := openKeeper(ctx, store.Config{Dir: data, URL: url}, log, nil)
	if err != nil {
		return key, text, fmt.Errorf("%w\n(a server that runs is asked with --url and a key of the scope admin instead)", err)
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	keys, err := transports.LoadKeys(ctx, s, nil)
	if err != nil {
		return key, text, err
	}
	by := "offline"
	if who := os.Getenv("USER"); who != "" {
		by += ":" + who
	}
	key, text, err = keys.Create(ctx, app, name, parsed, by)
	return key, text, plain(err)
}

// A TokenOrder says for whom a token is.
type TokenOrder struct {
	App, User   string // an empty App is the default one
	TTL         time.Duration
	Read, Write []string // patterns of live topics
}

// IssueToken signs a user's token with the secret of the configuration.
func IssueToken(cfg Config, o TokenOrder) (string, error) {
	if o.App == "" {
		o.App = transports.DefaultApp
	}
	if v, ok := cfg.tokens().Apps[o.App]; !ok || v.Secret.IsZero() {
		return "", fmt.Errorf("the configuration has no secret for the app %s; set token.secret (REDDOT_TOKEN_SECRET), at least 32 bytes, as of: openssl rand -hex 32", o.App)
	}
	tokens, err := transports.NewTokens(cfg.tokens(), nil, slog.New(slog.DiscardHandler))
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
