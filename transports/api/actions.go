package api

import (
	"github.com/valyala/fasthttp"

	"reddot/actors"
)

// The actions of a message: what a user may answer it by.

// readActions reads the actions.
func (d *draft) readActions() (err error) {
	if d.buttons, err = d.in.ActionsField(d.buttons[:0], d.lim.URL); err != nil {
		return err
	}
	d.actions = d.buttons
	return nil
}

// act is POST …/messages/{id}/act with {"action":…,"reply":…}.
func act(c *call) error {
	id, err := c.id(1)
	if err != nil {
		return err
	}
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return err
	}
	m := &actors.Act{ID: id}
	if err := c.draft.in.Act(body, m); err != nil {
		return err
	}
	once, err := c.once(actors.NewID())
	if err != nil {
		return err
	}
	r, err := c.ask(c.userKey(), m, once)
	if err != nil {
		return err
	}
	c.out = append(appendCounts(append(c.out[:0], '{'), &r.Answer), '}')
	c.replayed(r)
	c.reply(fasthttp.StatusOK, c.out)
	r.Release()
	return nil
}
