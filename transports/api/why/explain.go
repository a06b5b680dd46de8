package why

import (
	"context"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/trace"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// A Finder finds the users of an audience, in pages (Page of package index).
type Finder interface {
	Page(ctx context.Context, app string, a *actors.Audience, now int64, after string, limit int) (users []string, next string, err error)
}

// Deps are what the answers rest on.
type Deps struct {
	Router actors.Router
	Lookup actors.Lookup
	Finder Finder
	Traces *trace.Node // nil: nothing can be traced

	StillValid func(*transports.Principal) bool // a caller who was let in is let in still
}

// why answers.
type why struct{ Deps }

// Routes returns those of this room.
func Routes(d Deps) []*resource.Route {
	w := &why{d}
	routes := []*resource.Route{
		{Method: "GET", Path: "/v1/users/{user}/explain", Access: transports.ToExplain, OfUser: true, Query: []string{"message"}, Handle: explain},
		{Method: "GET", Path: "/v1/messages/{id}/recipients", Access: transports.ToSupport, Query: []string{"state", "limit", "next"}, Handle: w.ofMessage},
		{Method: "GET", Path: "/v1/campaigns/{id}/recipients", Access: transports.ToSupport, Query: []string{"round", "arm", "state", "limit", "next"}, Handle: w.ofCampaign},
	}
	if d.Traces != nil {
		routes = append(routes, &resource.Route{Method: "GET", Path: "/v1/trace", Access: transports.ToSupport, Query: append([]string{"seconds"}, traceParams...), Handle: w.trace})
	}
	return routes
}

// explain is GET /v1/users/{user}/explain?message=.
func explain(c resource.Call) error {
	id, err := actors.ParseID(string(c.HTTP().QueryArgs().Peek("message")))
	if err != nil {
		return transports.WrongField("message", "it must be a message's id, as 01980e2b-6b3c-7c1e-a4b0-0123456789ab")
	}
	r, err := c.Ask(c.User(), &actors.Explain{ID: id}, actors.Once{})
	if err != nil {
		return err
	}
	c.Reply(fasthttp.StatusOK, r.Answer.Body)
	r.Release()
	return nil
}
