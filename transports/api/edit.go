package api

import (
	"github.com/valyala/fasthttp"

	"reddot/actors"
)

// editMessage is PATCH /v1/messages/{id}.
func editMessage(c *call) error {
	id, err := c.id(0)
	if err != nil {
		return err
	}
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return err
	}
	d := &c.draft
	if err := d.parsePatch(body, c.api.now().UnixMilli()); err != nil {
		return err
	}
	if c.api.screen(c.who.App, d); d.stop != nil {
		return d.stop.Refusal()
	}
	return c.change(id, &actors.Edit{ID: id, Patch: d.appendPatch(nil)})
}

// retractMessage is DELETE /v1/messages/{id}.
func retractMessage(c *call) error {
	id, err := c.id(0)
	if err != nil {
		return err
	}
	return c.change(id, &actors.Retract{ID: id})
}

// findMessage is GET /v1/messages/{id}.
func findMessage(c *call) error {
	id, err := c.id(0)
	if err != nil {
		return err
	}
	key, err := c.owner(id)
	if err != nil {
		return err
	}
	return c.answerJSON(key, &actors.Find{ID: id})
}

// change sends an edit or a retraction to whoever answers for the message.
func (c *call) change(id actors.ID, cmd actors.Command) error {
	once, err := c.once(actors.NewID())
	if err != nil {
		return err
	}
	key, err := c.owner(id)
	if err != nil {
		return err
	}
	r, err := c.ask(key, cmd, once)
	if err != nil {
		return err
	}
	b := append(c.out[:0], `{"id":"`...)
	b = id.Append(b)
	b = append(b, `"`...)
	if len(r.Answer.Counts) > 0 { // a send to many has no counts
		b = appendCounts(append(b, ','), &r.Answer)
	}
	c.out = append(b, '}')
	c.replayed(r)
	c.reply(fasthttp.StatusOK, c.out)
	r.Release()
	return nil
}

// owner finds the actor that answers for the message. One of another app, or
// of another user than the token's, is not there for this caller.
func (c *call) owner(id actors.ID) (actors.Key, error) {
	key, err := c.api.deps.Lookup.Owner(c.api.deadlines.Next(), id)
	if err != nil {
		return "", err
	}
	strange := key.Kind() == 0 || key.App() != c.who.App ||
		c.who.IsUser() && key != actors.UserKey(c.who.App, c.who.User)
	if strange {
		return "", actors.Errorf(actors.NotFound, "there is no such message")
	}
	return key, nil
}
