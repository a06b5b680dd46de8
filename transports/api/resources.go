package api

import (
	"context"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// resources are the routes of what lives in rooms of its own.
func resources(list []*resource.Route) []*route {
	routes := make([]*route, len(list))
	for i, r := range list {
		access := needs[r.Access]
		if r.OfUser {
			access |= needUser
		}
		routes[i] = &route{method: r.Method, path: r.Path, access: access, query: r.Query, plain: r.Plain,
			handle: func(c *call) error {
				defer c.leaveLong()
				return r.Handle(resourceCall{c})
			}}
	}
	return routes
}

// A resourceCall is a call as such a room sees it.
type resourceCall struct{ *call }

var _ resource.Call = resourceCall{}

// HTTP implements resource.Call.
func (c resourceCall) HTTP() *fasthttp.RequestCtx { return c.RequestCtx }

// Who implements resource.Call.
func (c resourceCall) Who() *transports.Principal { return c.who }

// Param implements resource.Call.
func (c resourceCall) Param(i int) string { return string(c.params.List[i]) }

// Fields implements resource.Call.
func (c resourceCall) Fields() *transports.FieldReader { return &c.draft.in }

// Limit implements resource.Call.
func (c resourceCall) Limit() (int, error) { return c.limit() }

// Number implements resource.Call.
func (c resourceCall) Number(name string) (uint64, error) { return c.number(name) }

// Deadline implements resource.Call.
func (c resourceCall) Deadline() context.Context { return c.api.deadlines.Next() }

// Encode implements resource.Call.
func (c resourceCall) Encode(status int, v any) error { return c.encode(status, v) }

// Reply implements resource.Call.
func (c resourceCall) Reply(status int, json []byte) { c.reply(status, json) }

// ReadBody implements resource.Call.
func (c resourceCall) ReadBody(limit int) ([]byte, error) {
	most := c.api.deps.Gate.Limits().MaxBody
	if limit > 0 {
		most = min(most, limit)
	}
	return c.readBody(most)
}

// ReadLong implements resource.Call.
func (c resourceCall) ReadLong(limit int) ([]byte, error) {
	if err := c.takeBatch(); err != nil {
		return nil, err
	}
	c.long = true
	if most := c.api.deps.Gate.Limits().MaxBatch; most > 0 {
		limit = min(limit, most)
	}
	return c.readBody(limit)
}

// leaveLong gives back the place that the call has among the batches, if it has one.
func (c *call) leaveLong() {
	if c.long {
		c.long = false
		c.api.batches.Leave(c.who.App)
	}
}

// CallersOnce implements resource.Call.
func (c resourceCall) CallersOnce() (actors.Once, error) {
	once, err := c.once(actors.ID{})
	if once.Edge {
		once = actors.Once{}
	}
	return once, err
}

// Noting implements resource.Call.
func (c resourceCall) Noting(action, target string) *transports.Noting {
	return &transports.Noting{Audit: c.api.deps.Audit, Entry: c.entry(c.who.App, action, target, nil, nil)}
}

// User implements resource.Call.
func (c resourceCall) User() string { return c.user }

// Once implements resource.Call.
func (c resourceCall) Once(what ...[]byte) (actors.Once, error) {
	key, err := c.onceKey()
	if err != nil || key == "" {
		return actors.EdgeOnce(actors.NewID()), err
	}
	return actors.CallersOnce(c.who.ID, key, append([][]byte{c.Method(), []byte(c.route.path), []byte(c.user), c.body}, what...)...), nil
}

// Ask implements resource.Call.
func (c resourceCall) Ask(user string, cmd actors.Command, once actors.Once) (*actors.Request, error) {
	return c.ask(actors.UserKey(c.who.App, user), cmd, once)
}

// Message implements resource.Call.
func (c resourceCall) Message(json []byte) (*actors.Message, error) {
	d, err := c.read(json, fieldsMessage&^fieldPolicy)
	if err != nil {
		return nil, err
	}
	return &d.publication(actors.NewID()).message, nil
}

// read reads a publish.
func (c resourceCall) read(json []byte, allow field) (*draft, error) {
	d := c.draft
	err := d.parse(json, allow, c.api.now().UnixMilli())
	if err == nil {
		err = d.complete()
	}
	return &d, err
}

// Order implements resource.Call.
func (c resourceCall) Order(json []byte, send bool) (*actors.Message, *actors.Audience, error) {
	d, err := c.read(json, fieldsMessage|fieldTo)
	if err == nil && send {
		err = c.api.prepare(c.who.App, d)
	}
	if err != nil {
		return nil, nil, err
	}
	return &d.publication(actors.NewID()).message, d.to.audience, nil
}

// prepare makes a draft whole that a campaign sends to each user of its audience.
func (a *API) prepare(app string, d *draft) error {
	if err := a.pin(app, &d.to, actors.Once{Edge: true}); err != nil {
		return err
	}
	to := d.to
	d.to = target{} // each user is asked, as one who is named
	if err := a.govern(app, d); err != nil {
		return err
	}
	a.screen(app, d)
	err := a.compose(app, d, actors.Once{Edge: true}, nil)
	if d.to = to; err == nil && d.stop != nil {
		return d.stop.Refusal()
	}
	return err
}
