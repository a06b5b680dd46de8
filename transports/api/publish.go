package api

import (
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports/api/results"
)

// publish is POST /v1/users/{user}/messages.
func publish(c *call) error {
	start := time.Now()
	d, err := c.readMessage(fieldsMessage)
	if err != nil {
		return err
	}
	r, err := c.publishTo(c.userKey(), d)
	if err != nil {
		return err
	}
	if c.dry {
		return c.answerDry(r)
	}
	c.out = results.AppendPublished(append(c.out[:0], '{'), &r.Answer)
	c.out = append(c.out, '}')
	c.created(fasthttp.StatusCreated, &r.Answer)
	r.Release()
	c.api.metrics.publish.Observe(time.Since(start).Seconds())
	return nil
}

// send is POST /v1/messages: a message to whom it names.
func send(c *call) error {
	start := time.Now()
	d, err := c.readMessage(fieldsMessage | fieldTo)
	if err != nil {
		return err
	}
	if d.has&fieldTo == 0 {
		return wrong("to", "it is missing: say whom the message is for")
	}
	var r *actors.Request
	if d.to.isOne() {
		r, err = c.publishTo(actors.UserKey(c.who.App, d.to.user), d)
	} else {
		r, err = c.sendTo(d)
	}
	switch {
	case err != nil:
		return err
	case c.dry && d.to.many:
		return c.answerDrySend(r, d)
	case c.dry && d.to.isOne():
		return c.answerDry(r)
	case c.dry:
		return c.answerDryBroadcast(r, d)
	}
	c.out = results.AppendAccepted(append(c.out[:0], '{'), r.Answer.ID, d.to.recipients())
	c.out = append(c.out, '}')
	c.created(fasthttp.StatusAccepted, &r.Answer)
	r.Release()
	c.api.metrics.publish.Observe(time.Since(start).Seconds())
	return nil
}

// readMessage reads the body as a new message.
func (c *call) readMessage(allow field) (*draft, error) {
	if err := c.readDryRun(); err != nil {
		return nil, err
	}
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return nil, err
	}
	d := &c.draft
	if err := d.parse(body, allow, c.api.now().UnixMilli()); err != nil {
		return nil, err
	}
	if err := d.complete(); err != nil {
		return nil, err
	}
	return d, c.api.govern(c.who.App, d)
}

// publishTo publishes the draft to one user.
func (c *call) publishTo(key actors.Key, d *draft) (*actors.Request, error) {
	id := actors.NewID()
	once, err := c.once(id)
	if err != nil {
		return nil, err
	}
	if err := c.api.deps.Gate.Publish(c.who, 1); err != nil {
		return nil, err
	}
	c.api.screen(c.who.App, d)
	err = c.api.compose(c.who.App, d, once, func() (actors.Key, actors.Command) { return key, &d.publication(id).publish })
	if err != nil {
		return nil, err
	}
	return c.ask(key, rehearsed(c.dry, &d.publication(id).publish), once)
}

// sendTo orders the draft's delivery to many users, or broadcasts it.
func (c *call) sendTo(d *draft) (*actors.Request, error) {
	id := actors.NewID()
	once, err := c.once(id)
	if err != nil {
		return nil, err
	}
	if err := c.api.deps.Gate.Publish(c.who, max(1, len(d.to.users))); err != nil {
		return nil, err
	}
	if err := c.api.pin(c.who.App, &d.to, once); err != nil {
		return nil, err
	}
	c.api.screen(c.who.App, d)
	err = c.api.compose(c.who.App, d, once, func() (actors.Key, actors.Command) { return d.order(c.who.App, id, once) })
	if err != nil {
		return nil, err
	}
	key, start := d.order(c.who.App, id, once)
	if err := c.api.refuseStopped(d, key, start, once); err != nil {
		return nil, err
	}
	return c.ask(key, rehearsed(c.dry, start), once)
}

// order returns the draft as a broadcast, or an order to many users, and the actor to
// give it to. A repeat must come to the actor that knows the first, so it is the
// idempotency key that names the actor, not the message's id, which is new.
func (d *draft) order(app string, id actors.ID, once actors.Once) (actors.Key, actors.Command) {
	p := d.publication(id)
	p.message.Shared = true
	if a := d.to.audience; a != nil {
		return actors.LogKey(app), &actors.Broadcast{Message: &p.message, Audience: a}
	}
	users := make([]string, len(d.to.users))
	copy(users, d.to.users)
	name := id
	if !once.Edge {
		name = actors.ID(once.Key)
		name[6] = name[6]&0x0f | 0x80 // a UUIDv8 (RFC 9562, section 5.8): never the id of a message
		name[8] = name[8]&0x3f | 0x80
	}
	return actors.SendKey(app, name), &actors.StartSend{Message: &p.message, Users: users}
}

// created answers a publish with what is in c.out.
func (c *call) created(status int, a *actors.Answer) {
	h := &c.Response.Header
	var location [len("/v1/messages/") + 36]byte
	h.SetBytesV(fasthttp.HeaderLocation, a.ID.Append(append(location[:0], "/v1/messages/"...)))
	if a.Replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	c.reply(status, c.out)
}
