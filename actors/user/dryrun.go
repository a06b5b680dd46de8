package user

import (
	"reddot/actors"
	"reddot/actors/inbox"
	"reddot/actors/rule"
)

// isDryRun tells whether nothing may be written for the request.
func isDryRun(r *actors.Request) bool {
	_, ok := r.Command.(*actors.DryRun)
	return ok
}

// dryRun answers what a publish would come to.
func (u *User) dryRun(r *actors.Request, c *actors.DryRun, t actors.Moment) {
	p, ok := c.Of.(*actors.Publish)
	if !ok {
		u.refuse(r, actors.Errorf(actors.Internal, "a user does not know how %T would be done", c.Of))
		return
	}
	u.noteOpen(t)
	d, counts, err := u.inbox.DryRun(r.Answer.Counts[:0], p.Message, r.Once, t, &u.Home.Limits, u.log)
	if err != nil {
		d = inbox.Ready{Err: actors.AsError(err)}
	}
	r.Answer.Counts = counts
	if len(d.Stages) > 0 {
		r.Answer.Body = rule.AppendStages(nil, d.Stages)
	}
	u.fill(r, d)
	u.release(&r.Effect, r, nil, nil)
}
