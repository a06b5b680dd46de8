package api

import (
	"reddot/actors"
	"reddot/transports/api/words"
)

// screen masks in the draft what the app's keyword lists mask, and notes why they stop it.
func (a *API) screen(app string, d *draft) {
	d.stop = nil
	s := a.deps.Keywords.Of(app)
	if s == nil {
		return
	}
	d.stop = words.Screen(s, a.metrics.keywords, &d.title, &d.body, &d.data)
}

// refuseStopped refuses what keyword lists stop and no rule of a user does: a broadcast, which
// is judged by nobody. The repeat of one that was taken is let through: nothing new comes of
// it.
func (a *API) refuseStopped(d *draft, key actors.Key, cmd actors.Command, once actors.Once) error {
	if d.stop == nil || d.to.audience == nil || a.knows(key, cmd, once) {
		return nil
	}
	return d.stop.Refusal()
}

// knows tells whether an actor knows the caller's key of a command.
func (a *API) knows(key actors.Key, cmd actors.Command, once actors.Once) bool {
	if once.Edge {
		return false
	}
	r := actors.NewRequest(key, &actors.DryRun{Of: cmd})
	r.Once = once
	err := a.deps.Router.Ask(a.deadlines.Next(), r)
	return err == nil && r.Answer.Replayed || err != nil && actors.AsError(err).Code == actors.IdempotencyConflict
}
