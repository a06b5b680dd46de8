package app

import (
	"context"
	"net/netip"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"reddot/actors/catalog"
	"reddot/actors/index"
	"reddot/cmd/internal/config"
	"reddot/transports"
	"reddot/transports/api"
	"reddot/transports/api/bulk"
	"reddot/transports/api/campaigns"
	"reddot/transports/api/content"
	"reddot/transports/api/policies"
	"reddot/transports/api/presences"
	"reddot/transports/api/quotas"
	"reddot/transports/api/resource"
	"reddot/transports/api/standings"
	"reddot/transports/api/why"
	"reddot/transports/api/words"
	"reddot/transports/auth"
	"reddot/transports/iframe"
	"reddot/transports/longpoll"
	"reddot/transports/mqtt"
	"reddot/transports/poll"
	"reddot/transports/sse"
	"reddot/transports/streams"
	"reddot/transports/ws"
)

// A front is what answers requests: who is let in, how much, and the ways in.
// It holds no connection, so that Reload can put another one in its place.
type front struct {
	handler    fasthttp.RequestHandler
	operations fasthttp.RequestHandler // for an address of their own
	metrics    *prometheus.Registry
	access     mqtt.Access
	rules      auth.TokenRules
	logins     *auth.Logins       // nil: nobody logs in by a password
	end        context.CancelFunc // ends what keeps its tokens' keys fresh
}

// openFront makes the first front, and what outlives each.
func (a *App) openFront(context.Context) error {
	cfg := a.cfg.Load()
	limits, err := cfg.Gate()
	if err != nil {
		return err
	}
	gate, err := transports.NewGate(limits, nil)
	if err != nil {
		return err
	}
	if err := a.openStreams(gate); err != nil {
		return err
	}
	if err := a.openDoor(cfg); err != nil {
		return err
	}
	a.endRevoked()
	if err := a.openMQTT(cfg); err != nil {
		return err
	}
	f, err := a.newFront(cfg)
	if err != nil {
		return err
	}
	a.use(f)
	return nil
}

// use puts a front in force, and returns the one before.
func (a *App) use(f *front) *front {
	a.mqtt.server.Use(f.access)
	return a.front.Swap(f)
}

func (a *App) closeFront(context.Context) error {
	a.front.Load().end()
	return a.closeStreams()
}

func (a *App) newFront(cfg *config.Config) (*front, error) {
	limits, err := cfg.Gate()
	if err != nil {
		return nil, err
	}
	gate, err := transports.NewGate(limits, nil)
	if err != nil {
		return nil, err
	}
	if !cfg.Dev {
		gate.OnUnnamedProxy(a.tellProxy)
	}
	origins, err := transports.ParseOrigins(cfg.Origins)
	if err != nil {
		return nil, err
	}
	if cfg.Dev {
		origins = origins.WithLoopback()
	}
	verify := cfg.Tokens()
	verify.Now = a.now
	verify.Changed = func() { a.recheck("an issuer's keys have changed") }
	tokens, err := auth.NewTokens(verify, a.revocations, a.log.With("part", "tokens"))
	if err != nil {
		return nil, err
	}
	logins, err := cfg.LoadLogins()
	if err != nil {
		return nil, err
	}
	deps := streams.Deps{
		Router: a.node, Hub: a.node, Topics: a.node.Topics(), Streams: a.streams, Gate: gate, Origins: origins, Log: a.log.With("part", "transports"),
		Now: a.now,
	}
	auth := auth.NewAuth(auth.AuthConfig{Dev: cfg.Dev, Origins: origins, Logins: logins}, a.keys, tokens, gate)
	auth.Tell(a.audit)
	f := &front{metrics: prometheus.NewRegistry(), rules: tokens.Rules(), logins: logins, access: mqtt.Access{Auth: auth, Gate: gate, Dev: cfg.Dev}}
	resources, err := a.resources(gate, f.metrics)
	if err != nil {
		return nil, err
	}
	conf := cfg.API()
	conf.Origins = origins
	kept := catalog.New(catalog.Config{Kind: "policy", Names: 200, Now: a.now}, a.store)
	served, err := api.New(conf, api.Deps{
		Router: a.node, Lookup: a.store,
		Auth:      auth,
		Gate:      gate,
		Budget:    a.budget,
		Keys:      a.keys,
		Audit:     a.audit,
		Jobs:      bulk.NewJobs(a.store, a.now),
		Segments:  catalog.New(catalog.Config{Kind: "segment", Now: a.now}, a.store),
		Policies:  kept,
		Templates: a.templates,
		Resources: slices.Concat(resources, policies.Routes(kept, a.now), standings.Routes(), presences.Routes(), why.Routes(why.Deps{Router: a.node, Lookup: a.store, Finder: index.New(a.store), Traces: a.traces, StillValid: a.letsIn}), quotas.Routes(a.quotas), (&words.Lists{Lists: a.keywords}).Routes()),
		Keywords:  a.keywords,
		Index:     index.New(a.store), LogHead: a.node.LogHead,
		Revoker: a.revocations, Connected: a.connected, Ready: a.Ready, Healthy: a.Healthy,
		Cluster: func(ctx context.Context) any { return a.node.Status(ctx) }, Drain: a.Drain,
		Topics: a.node.Topics(), Views: a.views(cfg, deps), Pages: pages(cfg.Dev),
		Now: a.now, Log: a.log.With("part", "api"), Registerer: f.metrics, Gatherer: prometheus.Gatherers{a.registry, f.metrics},
	})
	if err != nil {
		return nil, err
	}
	f.handler, f.operations = served.Handler, served.Operations
	var ctx context.Context
	ctx, f.end = context.WithCancel(context.Background())
	go tokens.Run(ctx)
	return f, nil
}

// resources are what an app has that lives in rooms of the API's.
func (a *App) resources(gate *transports.Gate, reg prometheus.Registerer) ([]*resource.Route, error) {
	t, err := content.NewTemplates(content.Deps{Store: a.templates, Router: a.node, Gate: gate, Now: a.now, Registerer: reg,
		Blocked: func(app string, said []byte) error { return words.Blocked(a.keywords.Of(app), nil, "content", said) }})
	if err != nil {
		return nil, err
	}
	c, err := campaigns.New(campaigns.Deps{Router: a.node, Records: a.store, Now: a.now, Registerer: reg})
	if err != nil {
		return nil, err
	}
	return slices.Concat(c.Routes(), content.Categories(catalog.New(catalog.Config{Kind: "category", Now: a.now}, a.store)), t.Routes()), nil
}

// views are the transports by which a user is watched.
func (a *App) views(cfg *config.Config, deps streams.Deps) api.Views {
	polls, waits := poll.New(deps), longpoll.New(longpoll.Config{}, deps)
	pages, streams := iframe.New(deps), sse.New(deps)
	sockets := ws.New(cfg.WebSocket, deps)
	return api.Views{
		Counts: polls.Handle, Wait: waits.Handle, Stream: streams.Handle, Iframe: pages.Handle, WebSocket: sockets.Handle,
		LegacyCount: polls.HandleLegacy, LegacyWatch: waits.HandleLegacy, LegacyIframe: pages.HandleLegacy,
		LegacyStream: streams.HandleLegacy, LegacyWebSocket: sockets.HandleLegacy,
		MQTT: a.mqtt.server.HandleWebSocket,
	}
}

// tellProxy says once that somebody may be a proxy whose clients are taken for one.
func (a *App) tellProxy(peer netip.Addr) {
	a.proxyTold.Do(func() {
		a.log.Warn("a request has X-Forwarded-For, and its sender is not among trusted_proxies: if that is a proxy, "+
			"all its clients count as one address, and the bad credentials of one shut out all; name it there (this is said once)", "peer", peer)
	})
}

// operate is serve for operators' requests alone.
func (a *App) operate(ctx *fasthttp.RequestCtx) { a.front.Load().operations(ctx) }

// serve answers a request by the front of the moment.
func (a *App) serve(ctx *fasthttp.RequestCtx) { a.front.Load().handler(ctx) }
