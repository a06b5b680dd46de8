package why

import (
	"context"
	"encoding/json"
	"fmt"

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
		{Method: "GET", Path: "/v1/users/{user}/explain", Access: transports.ToExplain, OfUser: true, Query: []string{"message", "campaign", "round"}, Handle: w.explain},
		{Method: "GET", Path: "/v1/messages/{id}/recipients", Access: transports.ToSupport, Query: []string{"state", "limit", "next"}, Handle: w.ofMessage},
		{Method: "GET", Path: "/v1/campaigns/{id}/recipients", Access: transports.ToSupport, Query: []string{"round", "arm", "state", "limit", "next"}, Handle: w.ofCampaign},
	}
	if d.Traces != nil {
		routes = append(routes, &resource.Route{Method: "GET", Path: "/v1/trace", Access: transports.ToSupport, Query: append([]string{"seconds"}, traceParams...), Handle: w.trace})
	}
	return routes
}

// explain is GET /v1/users/{user}/explain?message=, or ?campaign=&round=.
func (w *why) explain(c resource.Call) error {
	args := c.HTTP().QueryArgs()
	campaign := string(args.Peek("campaign"))
	switch {
	case campaign == "" && args.Has("round"):
		return transports.WrongField("round", "it belongs to a campaign")
	case campaign != "" && args.Has("message"):
		return transports.WrongField("campaign", "it stands in the place of message")
	case campaign != "":
		return w.explainCampaign(c, campaign)
	}
	id, err := actors.ParseID(string(args.Peek("message")))
	if err != nil {
		return transports.WrongField("message", "it must be a message's id, as 01980e2b-6b3c-7c1e-a4b0-0123456789ab")
	}
	if c.Who().IsUser() {
		return w.tell(c, id, nil)
	}
	key, err := w.owner(c, id)
	if err != nil || key.Kind() != actors.KindCampaign {
		return w.tell(c, id, nil) // who knows nothing of it says how far back that is true
	}
	p, err := w.page(c, key, &actors.Recipients{Message: id, User: c.User()})
	if err != nil {
		return err
	}
	return w.tell(c, id, &part{key.Name(), p})
}

// explainCampaign explains the message that the user gets of a campaign's round.
func (w *why) explainCampaign(c resource.Call, name string) error {
	if c.Who().IsUser() {
		return actors.Errorf(actors.Forbidden, "who is in which arm of a campaign is not told to its users; ask for the message")
	}
	name, err := transports.ParseName(name)
	if err != nil {
		return err
	}
	q := &actors.Recipients{User: c.User()}
	if q.Round, err = round(c); err != nil {
		return err
	}
	p, err := w.page(c, actors.CampaignKey(c.Who().App, name), q)
	if err != nil {
		return err
	}
	id := actors.ID{}
	if text := p.List[0].Message; text != "" {
		if id, err = actors.ParseID(text); err != nil {
			return fmt.Errorf("the message of %s: %w", c.User(), err)
		}
	}
	return w.tell(c, id, &part{name, p})
}

// A part is the one that a user has in a round of a campaign.
type part struct {
	campaign string
	page     *actors.RecipientPage
}

// tell answers with what the user's actor says, and with the user's part of the campaign that
// has sent it; nil: none has.
func (w *why) tell(c resource.Call, id actors.ID, of *part) error {
	if of != nil && !of.gets() {
		return c.Encode(fasthttp.StatusOK, of.without(c.User(), id))
	}
	r, err := c.Ask(c.User(), &actors.Explain{ID: id, Own: c.Who().IsUser()}, actors.Once{})
	if err != nil {
		if of != nil && actors.AsError(err).Code == actors.NotFound {
			return c.Encode(fasthttp.StatusOK, of.without(c.User(), id))
		}
		return err
	}
	defer r.Release()
	body := r.Answer.Body
	if of != nil {
		said, err := json.Marshal(of.shown())
		if err != nil {
			return fmt.Errorf("encode the part of %s: %w", c.User(), err)
		}
		body = append(append(append(body[:len(body)-1], `,"campaign":`...), said...), '}')
	}
	c.Reply(fasthttp.StatusOK, body)
	return nil
}
