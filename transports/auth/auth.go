package auth

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// AuthConfig says who is let in.
type AuthConfig struct {
	Dev     bool               // every request may everything on DefaultApp, whatever credential it has, but what a page of another origin asks for
	Origins transports.Origins // whose pages may write, or open a WebSocket, by a cookie, or in development mode; zero: none
	Logins  *Logins            // who logs in by a password, where Login is asked; nil: nobody
}

// An Auth tells who calls, from the credentials of a request. It is safe for
// concurrent use.
type Auth struct {
	keys  *Keys
	gate  *transports.Gate
	audit *transports.Audit // nil: failed logins are told to nobody
	rules atomic.Pointer[authRules]
}

// authRules are what Replace replaces.
type authRules struct {
	AuthConfig
	tokens *Tokens
}

// NewAuth returns the Auth of the keys and tokens. The gate's limits guard the
// checking of signatures.
func NewAuth(cfg AuthConfig, keys *Keys, tokens *Tokens, gate *transports.Gate) *Auth {
	a := &Auth{keys: keys, gate: gate}
	a.Replace(cfg, tokens)
	return a
}

// Replace puts another configuration in force, as after a reload. Running
// connections stay: they were let in under the old one.
func (a *Auth) Replace(cfg AuthConfig, tokens *Tokens) {
	a.rules.Store(&authRules{cfg, tokens})
}

// Tell lets the audit log know of failed logins. It comes before the first of them.
func (a *Auth) Tell(audit *transports.Audit) { a.audit = audit }

// Caller returns who makes the request. For a method that writes and for the
// opening of a WebSocket it also checks the Origin. The error is Unauthorized,
// Forbidden (the Origin), TooMany or Unavailable.
func (a *Auth) Caller(ctx *fasthttp.RequestCtx) (*transports.Principal, error) {
	return a.caller(ctx, !safeMethod(ctx) || opensWebSocket(ctx))
}

// Writer is Caller for a request that writes although its method is GET.
func (a *Auth) Writer(ctx *fasthttp.RequestCtx) (*transports.Principal, error) {
	return a.caller(ctx, true)
}

func (a *Auth) caller(ctx *fasthttp.RequestCtx, writes bool) (*transports.Principal, error) {
	if a.rules.Load().Dev {
		if err := a.CheckPage(ctx, writes); err != nil {
			return nil, err
		}
		return transports.DevCaller, nil
	}
	c, err := readCredentials(ctx)
	if err != nil {
		return nil, err
	}
	if isKey(c.Text) && (c.Source == fromQuery || c.Source == fromCookie) {
		return nil, errKeyInURL
	}
	if writes {
		if err := a.checkOrigin(ctx, c.Source); err != nil {
			return nil, err
		}
	}
	return a.Verify(ctx, c.Text, a.gate.Address(ctx))
}

// CheckPage refuses as Forbidden, in development mode, what a page of somebody
// else's asks for: there everybody may everything without a credential, and any
// page that the developer looks at could ask. Outside of it, it refuses nothing.
func (a *Auth) CheckPage(ctx *fasthttp.RequestCtx, writes bool) error {
	rules := a.rules.Load()
	if !rules.Dev {
		return nil
	}
	host, origin := ctx.Request.Header.Host(), ctx.Request.Header.Peek(fasthttp.HeaderOrigin)
	switch {
	case len(host) > 0 && !rules.Origins.Serves(host):
		return actors.Errorf(actors.Forbidden, "in development mode the server answers for this machine's own names (localhost, 127.0.0.1), and not for %.128q; "+
			"add https://%.128s to the origins if it is yours", host, host)
	case writes && len(origin) == 0 && string(ctx.Request.Header.Peek("Sec-Fetch-Site")) == "cross-site":
		// As for an image, whose address may write: browsers send no Origin then.
		return actors.Errorf(actors.Forbidden, "in development mode pages of this machine may write, and not those of another site")
	case writes && len(origin) > 0 && !rules.Origins.Allows(origin):
		return actors.Errorf(actors.Forbidden, "in development mode pages of this machine may write, and not those of %.128q; add it to the origins if it is yours", origin)
	}
	return nil
}

// checkOrigin refuses as Forbidden a credential from a cookie unless the
// request comes from a page of an allowed origin: a browser sends the cookie
// along whoever's page asks. All other credentials were put there by whoever
// has them.
func (a *Auth) checkOrigin(ctx *fasthttp.RequestCtx, s source) error {
	if a.rules.Load().Dev || s != fromCookie {
		return nil
	}
	origin := ctx.Request.Header.Peek(fasthttp.HeaderOrigin)
	switch {
	case len(origin) == 0:
		return actors.Errorf(actors.Forbidden, "a write or a WebSocket by cookie needs an Origin header; use Authorization instead")
	case !a.rules.Load().Origins.Allows(origin):
		return actors.Errorf(actors.Forbidden, "the origin %.128q is not among the allowed ones", origin)
	}
	return nil
}

// Verify returns the caller with the credential, a server key or a user token,
// as it came from the address. It keeps nothing of text. An address that has sent
// too many bad tokens is told so at the next bad one; a good one comes through
// (Gate.Doubt), so that nobody shuts out neighbors.
func (a *Auth) Verify(ctx context.Context, text []byte, from netip.Addr) (*transports.Principal, error) {
	p, err := a.verify(ctx, text, from)
	if err != nil && len(text) > 0 && a.audit != nil {
		a.tellFailed(text, from, err)
	}
	return p, err
}

// tellFailed tells of a credential that is bad; not of one that could not be looked
// at.
func (a *Auth) tellFailed(text []byte, from netip.Addr, err error) {
	e := actors.AsError(err)
	if e.Code != actors.Unauthorized && e.Code != actors.Forbidden {
		return
	}
	entry := transports.AuditEntry{Failed: e.Detail, Target: "token"}
	if isKey(text) {
		entry.Target = "key"
		if key, ok := a.keys.known(text); ok {
			entry.App, entry.Target = key.App, keyCaller+key.ID
		}
	}
	a.audit.LoginFailed(from, entry)
}

func (a *Auth) verify(ctx context.Context, text []byte, from netip.Addr) (*transports.Principal, error) {
	rules := a.rules.Load()
	switch {
	case rules.Dev:
		return transports.DevCaller, nil
	case len(text) == 0:
		return nil, transports.ErrNoCredential
	case isKey(text):
		return a.keys.Verify(text, from)
	}
	if p, ok := rules.tokens.Remembers(text); ok {
		return p, nil
	}
	if err := rules.tokens.knownBad(text); err != nil {
		return nil, err
	}
	doubted, err := a.gate.Doubt(ctx, from)
	if err != nil {
		return nil, err
	}
	p, err := rules.tokens.Verify(ctx, text)
	var e *actors.Error
	if errors.As(err, &e) && e.Code == actors.Unauthorized {
		rules.tokens.noteBad(text, e)
		a.gate.BadToken(from)
		if doubted > 0 {
			return nil, transports.TooManyIn(doubted, "this address sends too many bad credentials, of which this one is")
		}
	}
	return p, err
}

// errKeyInURL answers a server key where only a user's token may stand: what
// is in a URL or a cookie stands in logs and histories.
var errKeyInURL = &actors.Error{Code: actors.Unauthorized, Detail: "a server key goes into Authorization: Bearer; the query and the cookie are for user tokens"}

// safeMethod tells whether the method is one of those that change nothing
// (RFC 9110 section 9.2.1).
func safeMethod(ctx *fasthttp.RequestCtx) bool {
	return ctx.IsGet() || ctx.IsHead() || ctx.IsOptions()
}
