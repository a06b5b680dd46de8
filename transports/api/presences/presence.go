package presences

import (
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// maxUsers is how many users one POST /v1/presence may name.
const maxUsers = 1000

// Routes returns those of presence.
func Routes() []*resource.Route {
	return []*resource.Route{
		{Method: "GET", Path: "/v1/users/{user}/presence", Access: transports.ToWatch, OfUser: true, Handle: find},
		{Method: "POST", Path: "/v1/presence", Access: transports.ToWatch, Handle: list},
	}
}

// find is GET /v1/users/{user}/presence.
func find(c resource.Call) error {
	r, err := c.Ask(c.User(), &actors.Presence{}, actors.Once{})
	if err != nil {
		return err
	}
	c.Reply(fasthttp.StatusOK, r.Answer.Body)
	r.Release()
	return nil
}

// list is POST /v1/presence: it answers for each user of the body, in that order.
func list(c resource.Call) error {
	users, err := read(c)
	if err != nil {
		return err
	}
	answers := make([][]byte, len(users))
	ask := func(int) actors.Command { return &actors.Presence{} }
	err = resource.AskEach(c, users, ask, func(i int, r *actors.Request, err error) error {
		if err == nil {
			answers[i] = r.Answer.Body
		}
		return err
	})
	if err != nil {
		return err
	}
	b := []byte(`{"users":[`)
	for i, user := range users {
		if i > 0 {
			b = append(b, ',')
		}
		b = actors.AppendString(append(b, `{"user":`...), user)
		b = append(append(b, ','), answers[i][1:]...) // an object's members
	}
	c.Reply(fasthttp.StatusOK, append(b, "]}"...))
	return nil
}

// read reads {"users":[…]}, whom the caller must reach.
func read(c resource.Call) (users []string, err error) {
	body, err := c.ReadBody(0)
	if err != nil {
		return nil, err
	}
	in := c.Fields()
	err = in.Whole(body, func(name string) error {
		if name != "users" {
			return transports.WrongField(transports.ShownField(name), "there is no such field")
		}
		users, err = in.WordsField("users", maxUsers, transports.MaxUser)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(users) == 0:
		return nil, transports.WrongField("users", "name at least one user")
	}
	for i := range users {
		if users[i], err = c.Who().Resolve(users[i]); err != nil {
			e := *actors.AsError(err)
			e.Field = "users"
			return nil, &e
		}
	}
	return users, nil
}
