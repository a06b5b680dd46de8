package api

import (
	"fmt"
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
	r.Reset(body, transports.MaxDepth)
	if !r.Open('{') {
		return nil, actors.Errorf(actors.Invalid, `the body is an object such as {"users":["alice"]}`)
	}
	for first := true; ; first = false {
		name, more := r.Member(first)
		switch {
		case !more:
			if r.Bad() || !r.End() {
				return nil, r.Err()
			}
			if len(users) == 0 {
				return nil, wrong("users", "name at least one user")
			}
			return users, nil
		case !name.Is("users"):
			return nil, wrong(shown(name), "there is no such field")
		case users != nil:
			return nil, transports.TwiceField("users")
		}
		if users, err = c.readPresent(&r); err != nil {
			return nil, err
		}
	}
}

// readPresent reads the names.
func (c *call) readPresent(r *transports.FieldReader) ([]string, error) {
	if !r.Open('[') {
		return nil, r.NotA("users", "an array of user names")
	}
	users := []string{}
	for r.Item(len(users) == 0) {
		if len(users) == maxPresent {
			return nil, wrong("users", fmt.Sprintf("at most %d users can be asked for at once", maxPresent))
		}
		t, err := r.TextField("users", transports.MaxUser)
		if err != nil {
			return nil, err
		}
		user, err := c.who.Resolve(t.String())
		if err != nil {
			e := *actors.AsError(err)
			e.Field = "users"
			return nil, &e
		}
		users = append(users, user)
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
