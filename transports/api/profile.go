package api

import (
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/userjson"
)

// readProfile returns the handler of a GET for a part of what is known of a user. Of
// one who was never heard of nothing is known, which is no error.
func readProfile(part actors.ProfilePart) func(*call) error {
	return func(c *call) error {
		return c.answerJSON(c.userKey(), &actors.ReadProfile{Part: part})
	}
}

// putProfile is PUT /v1/users/{user}.
func putProfile(c *call) error { return c.setProfile(false) }

// patchProfile is PATCH /v1/users/{user} (RFC 7396).
func patchProfile(c *call) error { return c.setProfile(true) }

func (c *call) setProfile(patch bool) error {
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return err
	}
	var r userjson.Reader
	cmd, err := r.Profile(body, patch)
	if err != nil {
		return err
	}
	return c.write(cmd)
}

// putPreferences is PUT /v1/users/{user}/preferences.
func putPreferences(c *call) error {
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return err
	}
	var r userjson.Reader
	p, err := r.Preferences(body)
	if err != nil {
		return err
	}
	return c.write(&actors.SetPreferences{Preferences: p})
}

// write asks the user's actor for a change and answers with what it makes of it.
func (c *call) write(cmd actors.Command) error {
	once, err := c.once(actors.NewID())
	if err != nil {
		return err
	}
	r, err := c.ask(c.userKey(), cmd, once)
	if err != nil {
		return err
	}
	c.replayed(r)
	c.reply(fasthttp.StatusOK, r.Answer.Body)
	r.Release()
	return nil
}

// replayed says in the answer whether the write was done before.
func (c *call) replayed(r *actors.Request) {
	if r.Answer.Replayed {
		c.Response.Header.Set("Idempotent-Replayed", "true")
	}
}

// follow returns the handler of PUT and DELETE /v1/users/{user}/follows/{topic}.
func follow(stop bool) func(*call) error {
	return func(c *call) error {
		topic, err := c.followed()
		if err != nil {
			return err
		}
		c.body = append(c.body[:0], topic...) // what an Idempotency-Key stands for
		once, err := c.once(actors.NewID())
		if err != nil {
			return err
		}
		r, err := c.ask(c.userKey(), &actors.Follow{Topic: topic, Stop: stop}, once)
		if err != nil {
			return err
		}
		c.replayed(r)
		c.out = append(appendCounts(append(c.out[:0], '{'), &r.Answer), '}')
		c.reply(fasthttp.StatusOK, c.out)
		r.Release()
		return nil
	}
}

// followed reads the path's topic. A token that names topics follows those that it
// may read.
func (c *call) followed() (string, error) {
	topic, err := c.topicBehind(4) // v1/users/{user}/follows
	if err != nil {
		return "", err
	}
	if topic[0] == '$' {
		return "", transports.WrongTopic("what begins with $ can't be followed")
	}
	named := len(c.who.Topics.Read)+len(c.who.Topics.Write) > 0
	if c.who.IsUser() && named && !c.who.MayRead(c.user, topic) {
		return "", &actors.Error{Code: actors.Forbidden, Field: "topic", Detail: "the token names the topics that it may read, and this is none of them"}
	}
	return topic, nil
}

// listFollows is GET /v1/users/{user}/follows.
func listFollows(c *call) error {
	q := &actors.ReadProfile{Part: actors.PartFollows, Next: string(c.QueryArgs().Peek("next"))}
	if len(q.Next) > transports.MaxTopic*4/3+4 {
		return wrong("next", "this is no next that the server gave out")
	}
	var err error
	if q.Limit, err = c.limit(); err != nil {
		return err
	}
	return c.answerJSON(c.userKey(), q)
}

// eraseUser is DELETE /v1/users/{user}.
func eraseUser(c *call) error {
	once, err := c.once(actors.NewID())
	if err != nil {
		return err
	}
	e := c.entry(c.who.App, transports.AuditErase, "user:"+c.user, nil, nil)
	err = c.audited(e, func() error {
		r, err := c.ask(c.userKey(), &actors.Erase{}, once)
		if err == nil {
			c.replayed(r)
			r.Release()
		}
		return err
	})
	if err != nil {
		return err
	}
	c.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}
