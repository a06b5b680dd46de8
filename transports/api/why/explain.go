package why

import (
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// Routes returns those of this room.
func Routes() []*resource.Route {
	return []*resource.Route{
		{Method: "GET", Path: "/v1/users/{user}/explain", Access: transports.ToExplain, OfUser: true, Query: []string{"message"}, Handle: explain},
	}
}

// explain is GET /v1/users/{user}/explain?message=.
func explain(c resource.Call) error {
	id, err := actors.ParseID(string(c.HTTP().QueryArgs().Peek("message")))
	if err != nil {
		return transports.WrongField("message", "it must be a message's id, as 01980e2b-6b3c-7c1e-a4b0-0123456789ab")
	}
	r, err := c.Ask(c.User(), &actors.Explain{ID: id}, actors.Once{})
	if err != nil {
		return err
	}
	c.Reply(fasthttp.StatusOK, r.Answer.Body)
	r.Release()
	return nil
}
