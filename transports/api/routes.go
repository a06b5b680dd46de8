package api

import (
	"fmt"
	"slices"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/paths"
	"reddot/transports/auth"
	"reddot/transports/streams"
)

// access says who may ask for a route. Bits add up.
type access uint16

const (
	needRead    access = 1 << iota // transports.ToWatch
	needMark                       // transports.ToMark
	needPublish                    // transports.ToPublish
	needSupport                    // transports.ToSupport
	needExplain                    // transports.ToExplain
	needBrowse                     // transports.ToBrowse
	needAuthor                     // transports.ToAuthor
	needApprove                    // transports.ToApprove
	needAdmin                      // transports.ToAdminister
	needOperate                    // transports.ToOperate
	needUser                       // the first parameter is a user within the caller's reach
	getWrites                      // it writes although it is a GET
	needCaller                     // somebody who is known; the rest is the route's own to check
	openPaced                      // anybody, within the rate of an address

	open access = 0 // anybody, at any time: what operators ask for
)

// needs are the bits of access by the action that they stand for.
var needs = [...]access{
	transports.ToWatch: needRead, transports.ToMark: needMark, transports.ToPublish: needPublish,
	transports.ToSupport: needSupport, transports.ToExplain: needExplain, transports.ToBrowse: needBrowse, transports.ToAuthor: needAuthor, transports.ToApprove: needApprove,
	transports.ToAdminister: needAdmin, transports.ToOperate: needOperate,
}

// A route is one operation: a method on a path.
type route struct {
	method string
	path   string // as openapi.yaml writes it; the label of its metrics
	access access
	query  params
	handle func(*call) error

	plain  bool // it has no body
	parks  bool // it takes the connection or waits: HEAD makes no sense
	legacy bool // one of the legacy URLs
	page   bool // a file for browsers

	shared bool // its answer is one for all clients
}

// routes is the table of everything that is served, watched included.
func (a *API) routes(watched []*route) []*route {
	const user = "/v1/users/{user}"
	const own = needRead | needUser
	v := &a.deps.Views
	table := []*route{
		{method: "POST", path: user + "/messages/{id}/act", access: needMark | needUser, handle: act},
		{method: "POST", path: user + "/messages", access: needPublish | needUser, query: params{dryParam}, handle: publish},
		{method: "POST", path: "/v1/messages", access: needPublish, query: params{dryParam}, handle: send},
		{method: "POST", path: "/v1/messages/batch", access: needPublish, query: params{dryParam}, handle: publishBatch},
		{method: "GET", path: "/v1/messages/{id}", access: needRead, handle: findMessage},
		{method: "PATCH", path: "/v1/messages/{id}", access: needPublish, handle: editMessage},
		{method: "DELETE", path: "/v1/messages/{id}", access: needPublish, plain: true, handle: retractMessage},
		{method: "POST", path: "/v1/events", access: needPublish, query: params{dryParam}, handle: publishEvents},

		{method: "GET", path: user, access: own, handle: readProfile(actors.PartProfile)},
		{method: "PUT", path: user, access: needPublish | needUser, handle: putProfile},
		{method: "PATCH", path: user, access: needPublish | needUser, handle: patchProfile},
		{method: "DELETE", path: user, access: needAdmin | needUser, plain: true, handle: eraseUser},
		{method: "GET", path: user + "/preferences", access: own, handle: readProfile(actors.PartPreferences)},
		{method: "PUT", path: user + "/preferences", access: needMark | needUser, handle: putPreferences},
		{method: "GET", path: user + "/follows", access: own, query: params{"limit", "next"}, handle: listFollows},
		{method: "PUT", path: user + "/follows/{topic}", access: needMark | needUser, plain: true, handle: follow(false)},
		{method: "PUT", path: user + "/follows/{topic}/*", access: needMark | needUser, plain: true, handle: follow(false)},
		{method: "DELETE", path: user + "/follows/{topic}", access: needMark | needUser, plain: true, handle: follow(true)},
		{method: "DELETE", path: user + "/follows/{topic}/*", access: needMark | needUser, plain: true, handle: follow(true)},

		view(user+"/counts", own, v.Counts, false),
		view(user+"/wait", own, v.Wait, true),
		view(user+"/stream", own, v.Stream, false),
		view(user+"/iframe", own, v.Iframe, false),
		view(user+"/ws", own, v.WebSocket, true),
		{method: "GET", path: user + "/messages", access: own, query: params{"state", "category", "tenant", "limit", "next"}, handle: listMessages},
		{method: "GET", path: user + "/connections", access: own, handle: listConnections},
		{method: "POST", path: user + "/disconnect", access: needSupport | needUser, plain: true, handle: disconnect},
		{method: "DELETE", path: user + "/disconnect", access: needSupport | needUser, plain: true, handle: reconnect},
		{method: "GET", path: user + "/journal", access: needSupport | needUser, query: params{"limit", "next"}, handle: readJournal},
		{method: "GET", path: user + "/state", access: own, query: params{"rev"}, handle: stateAt},
		{method: "GET", path: user + "/export", access: needAdmin | needUser, handle: export},

		{method: "POST", path: "/v1/topics/{topic}", access: needCaller, query: params{"retain"}, handle: a.topics()},
		{method: "POST", path: "/v1/topics/{topic}/*", access: needCaller, query: params{"retain"}, handle: a.topics()},
		{method: "GET", path: "/mqtt", access: openPaced, query: anyParams, parks: true, handle: plainHandler(v.MQTT)},

		{method: "GET", path: "/v1/keys", access: needCaller, query: params{"limit", "next", "app"}, handle: listKeys},
		{method: "POST", path: "/v1/keys", access: needCaller, handle: createKey},
		{method: "DELETE", path: "/v1/keys/{key}", access: needCaller, query: params{"app", "remove"}, plain: true, handle: revokeKey},

		{method: "GET", path: "/v1/cluster", access: needOperate, handle: clusterStatus},
		{method: "POST", path: "/v1/cluster/drain", access: needOperate, plain: true, handle: drainNode},

		{method: "GET", path: "/openapi.yaml", access: openPaced, handle: serveDocument, shared: true},
	}
	if a.deps.Segments != nil {
		table = append(table, resources(a.segments().Routes())...)
		if a.deps.Index != nil {
			table = append(table, append(previewRoutes(), listRoutes()...)...)
		}
	}
	table = append(table, resources(a.deps.Resources)...)
	if a.deps.Jobs != nil {
		table = append(table, importRoutes()...)
	}
	if a.deps.Audit != nil {
		table = append(table, &route{method: "GET", path: "/v1/audit", access: needCaller,
			query: params{"since", "until", "action", "actor", "app", "limit", "next"}, handle: listAudit})
	}
	for _, r := range watched {
		if r.path != "/metrics" || !a.cfg.MetricsApart {
			table = append(table, r)
		}
	}
	for _, m := range markings {
		table = append(table, &route{method: "POST", path: user + "/messages/{id}/" + m.name, access: needMark | needUser, handle: m.one})
		if m.many != nil {
			table = append(table, &route{method: "POST", path: user + "/" + m.name, access: needMark | needUser, handle: m.many})
		}
	}
	if a.cfg.LegacyURLs {
		table = append(table, legacyRoutes(v)...)
	}
	for path, h := range a.deps.Pages {
		table = append(table, &route{method: "GET", path: path, page: true, shared: true, access: openPaced, query: anyParams, handle: plainHandler(h)})
	}
	return slices.DeleteFunc(table, func(r *route) bool { return r.handle == nil })
}

// operations are the routes for whoever watches over the server.
func (a *API) operations() []*route {
	table := []*route{
		{method: "GET", path: "/healthz", handle: healthy},
		{method: "GET", path: "/readyz", handle: ready},
	}
	if a.deps.Gatherer != nil {
		r := &route{method: "GET", path: "/metrics", handle: metricsHandler(a.deps.Gatherer)}
		if a.cfg.MetricsKey {
			r.access = needOperate
		}
		table = append(table, r)
	}
	return table
}

// view returns the route of a transport; one without a handle if v is nil.
func view(path string, access access, v streams.Handler, parks bool) *route {
	r := &route{method: "GET", path: path, access: access, query: anyParams, parks: parks}
	if v != nil {
		r.handle = func(c *call) error {
			c.view(v)
			return nil
		}
	}
	return r
}

// plainHandler makes a handler of fasthttp's a route's; nil stays nil.
func plainHandler(h fasthttp.RequestHandler) func(*call) error {
	if h == nil {
		return nil
	}
	return func(c *call) error {
		h(c.RequestCtx)
		return nil
	}
}

// compile makes a tree of the table.
func compile(table []*route) (*paths.Node[*route], error) {
	ops := make([]paths.Operation[*route], len(table))
	for i, r := range table {
		ops[i] = paths.Operation[*route]{Method: r.method, Path: r.path, NoHead: r.parks, Route: r}
	}
	root, err := paths.New(ops)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	return root, nil
}

// params are the names of the query parameters that a route knows, besides
// the one that carries a token.
type params []string

// anyParams leaves the parameters to the handler.
var anyParams = params{"*"}

// check refuses a parameter that is not known or that stands twice.
func (p params) check(ctx *fasthttp.RequestCtx) error {
	if len(ctx.URI().QueryString()) == 0 || len(p) == 1 && p[0] == "*" {
		return nil
	}
	seen := 0
	for name := range ctx.QueryArgs().All() {
		if string(name) == auth.TokenParam {
			continue
		}
		i := slices.Index(p, string(name))
		switch {
		case i < 0:
			return wrong(transports.ShownField(string(name)), "there is no such query parameter")
		case seen&(1<<i) != 0:
			return wrong(p[i], "the query parameter stands twice")
		}
		seen |= 1 << i
	}
	return nil
}
