package campaign

import (
	"context"
	"encoding/json"

	"reddot/actors"
	"reddot/actors/campaign/plan"
)

// A roll is a round, of which somebody asks for whom it is.
type roll struct {
	plan  *actors.CampaignPlan
	round *actors.CampaignRound
	arm   int // the arm that is asked for; -1: all
}

// roll finds the round that is asked for, and the arm.
func (s *state) roll(c *actors.Recipients) (*roll, *actors.Error) {
	if s.plan == nil {
		return nil, errNotStarted
	}
	if c.Message != (actors.ID{}) {
		for _, r := range s.rounds {
			for arm := range s.plan.Arms {
				if plan.MessageID(s.plan, r.Number, r.Began, arm) == c.Message {
					return &roll{s.plan, r, arm}, nil
				}
			}
		}
		return nil, actors.ErrNotHere
	}
	r := &roll{plan: s.plan, arm: -1}
	for i, of := range s.plan.Arms {
		if c.Arm == of.Name {
			r.arm = i
		}
	}
	if c.Arm != "" && r.arm < 0 {
		return nil, &actors.Error{Code: actors.NotFound, Field: "arm", Detail: "the campaign has no such arm"}
	}
	for _, of := range s.rounds {
		if c.Round == 0 || c.Round == of.Number {
			r.round = of
		}
	}
	if r.round == nil {
		return nil, &actors.Error{Code: actors.NotFound, Field: "round", Detail: "the campaign has no such round, or not any more"}
	}
	return r, nil
}

// recipient returns what a user gets in the round.
func (r *roll) recipient(user string) actors.Recipient {
	arm := plan.Arm(r.plan, user)
	if arm < 0 {
		return actors.Recipient{User: user, HeldOut: true}
	}
	return actors.Recipient{User: user, Arm: r.plan.Arms[arm].Name, Message: plan.MessageID(r.plan, r.round.Number, r.round.Began, arm).String()}
}

// wants tells whether a recipient is one of those who are asked for.
func (r *roll) wants(of *actors.Recipient) bool {
	return r.arm < 0 || !of.HeldOut && of.Arm == r.plan.Arms[r.arm].Name
}

// recipients answers with a page of the app's users, or with one of them.
func (a *Campaign) recipients(r *actors.Request, c *actors.Recipients) {
	l, err := a.state.roll(c)
	if err != nil {
		a.refuse(r, err)
		return
	}
	h, finder, app := a.Home, a.finder, a.Key.App()
	a.Leave(&r.Effect, r, nil, func() {
		h.Load(func() {
			page, err := l.page(context.Background(), finder, app, c)
			if err == nil {
				r.Answer.Body, err = json.Marshal(page)
			}
			if err != nil {
				r.Fail(actors.AsError(err))
				return
			}
			r.Respond()
		})
	})
	a.committed()
}

// page returns those of a page of users who are asked for.
func (r *roll) page(ctx context.Context, f Finder, app string, c *actors.Recipients) (*actors.RecipientPage, error) {
	p := &actors.RecipientPage{List: []actors.Recipient{}, Round: r.round.Number}
	if r.arm >= 0 {
		p.Arm = r.plan.Arms[r.arm].Name
	}
	if c.User != "" {
		p.List = append(p.List, r.recipient(c.User))
		return p, nil
	}
	limit := min(max(c.Limit, 1), pageUsers)
	users, next, err := f.Page(ctx, app, &actors.Audience{All: true}, r.round.Began, c.After, limit)
	if err != nil {
		return nil, err
	}
	out, err := r.heldOut(ctx, f, app, c.After, next, limit)
	if err != nil {
		return nil, err
	}
	for _, user := range users {
		if of := r.recipient(user); r.wants(&of) && (!of.HeldOut || out[user]) {
			p.List = append(p.List, of)
		}
	}
	p.Next = next
	return p, nil
}

// heldOut returns who is in the audience, and held out, of the users behind after up to next,
// as the index knows it now: of them nobody's journal says anything.
func (r *roll) heldOut(ctx context.Context, f Finder, app, after, next string, limit int) (map[string]bool, error) {
	if r.arm >= 0 || r.plan.Holdout == 0 {
		return nil, nil
	}
	out := make(map[string]bool)
	for {
		users, more, err := f.Page(ctx, app, r.plan.Audience, r.round.Began, after, limit)
		if err != nil {
			return nil, err
		}
		for _, user := range users {
			if plan.Arm(r.plan, user) < 0 {
				out[user] = true
			}
		}
		if more == "" || next != "" && !before(app, more, next) {
			return out, nil
		}
		after = more
	}
}

// before tells whether a user comes before another one in the index.
func before(app, user, other string) bool {
	x, y := actors.ShardOf(actors.UserKey(app, user)), actors.ShardOf(actors.UserKey(app, other))
	return x < y || x == y && user < other
}
