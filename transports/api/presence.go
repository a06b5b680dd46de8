package api

import (
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// maxPresent is how many users one POST /v1/presence may name, and presentAtOnce
// how many of them are asked at a time.
const (
	maxPresent    = 1000
	presentAtOnce = 32
)

// findPresence is GET /v1/users/{user}/presence.
func findPresence(c *call) error {
	return c.answerJSON(c.userKey(), &actors.Presence{})
}

// listPresence is POST /v1/presence: it answers for each user of the body, in
// that order.
func listPresence(c *call) error {
	users, err := c.presentUsers()
	if err != nil {
		return err
	}
	answers, err := c.askPresence(users)
	if err != nil {
		return err
	}
	b := append(c.out[:0], `{"users":[`...)
	for i, user := range users {
		if i > 0 {
			b = append(b, ',')
		}
		b = actors.AppendString(append(b, `{"user":`...), user)
		b = append(append(b, ','), answers[i][1:]...) // an object's members
	}
	c.out = append(b, "]}"...)
	c.reply(fasthttp.StatusOK, c.out)
	return nil
}

// presentUsers reads {"users":[…]}, whom the caller must reach.
func (c *call) presentUsers() (users []string, err error) {
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return nil, err
	}
	var r transports.FieldReader
	err = r.Whole(body, func(name string) error {
		if name != "users" {
			return wrong(transports.ShownField(name), "there is no such field")
		}
		users, err = r.WordsField("users", maxPresent, transports.MaxUser)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(users) == 0:
		return nil, wrong("users", "name at least one user")
	}
	for i := range users {
		if users[i], err = c.who.Resolve(users[i]); err != nil {
			e := *actors.AsError(err)
			e.Field = "users"
			return nil, &e
		}
	}
	return users, nil
}

// askPresence asks for each user, or returns the first error.
func (c *call) askPresence(users []string) ([][]byte, error) {
	ctx, app, router := c.api.deadlines.Next(), c.who.App, c.api.deps.Router
	answers := make([][]byte, len(users))
	var failed atomic.Pointer[error]
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(len(users), presentAtOnce) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(users) && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				r := actors.NewRequest(actors.UserKey(app, users[i]), &actors.Presence{})
				if err := router.Ask(ctx, r); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				answers[i] = r.Answer.Body
				r.Release()
			}
		})
	}
	wait.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return answers, nil
}
