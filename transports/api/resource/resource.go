package resource

import (
	"context"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// A Route is one operation: a method on a path.
type Route struct {
	Method string
	Path   string // as openapi.yaml writes it
	Access transports.Action
	Query  []string // the parameters that it knows
	Plain  bool     // it has no body
	OfUser bool     // its first parameter is a user within the caller's reach
	Handle func(Call) error
}

// A Call is one request on its way through the API, whose caller may ask for the route.
// Nothing of it may be held when the handler returns.
type Call interface {
	HTTP() *fasthttp.RequestCtx
	Who() *transports.Principal
	Param(i int) string                 // of the path
	User() string                       // that the path names, of a route that is OfUser
	Fields() *transports.FieldReader    // for the body
	ReadBody(limit int) ([]byte, error) // the whole body; 0: of the size that any may have
	ReadLong(limit int) ([]byte, error) // likewise of any size up to the limit, as many at a time as there may be batches
	Limit() (int, error)                // ?limit=, or how many a page has without it
	Number(name string) (uint64, error) // a query parameter that counts something
	Deadline() context.Context          // when the request is given up

	// CallersOnce is the caller's key; zero: there is none. Who asks for it has read the
	// body.
	CallersOnce() (actors.Once, error)
	// Once is the caller's key, or one of the edge's. What it is for is the request's path and
	// body, and what.
	Once(what ...[]byte) (actors.Once, error)
	// Ask asks the actor of a user of the caller's app. The request is to be released.
	// Several may be asked at once.
	Ask(user string, cmd actors.Command, once actors.Once) (*actors.Request, error)
	// Message reads a message as a publish does, which names no policy. It reads by Fields.
	Message(json []byte) (*actors.Message, error)
	// Order reads a publish to an audience: its message, and whom it is for, or nil where
	// that is users who are named. With send they are made whole, as they are now: the
	// template's text, the policy, the segment; what keyword lists stop is an error. It reads
	// by Fields.
	Order(json []byte, send bool) (*actors.Message, *actors.Audience, error)
	// Noting writes into the audit log what the caller does to the target.
	Noting(action, target string) *transports.Noting

	Encode(status int, v any) error // answers with v as JSON
	Reply(status int, json []byte)  // answers with JSON, which is copied
}

// Version returns ?version=; 0: there is none.
func Version(c Call, param string) (uint64, error) {
	if len(c.HTTP().QueryArgs().Peek(param)) == 0 {
		return 0, nil
	}
	n, err := c.Number(param)
	if err == nil && n == 0 {
		err = transports.WrongField(param, "versions are numbered from 1")
	}
	return n, err
}

// Replayed says in the answer that the caller's key was known, if it was.
func Replayed(c Call, known bool) {
	if known {
		c.HTTP().Response.Header.Set("Idempotent-Replayed", "true")
	}
}

// Tag says in the answer which version it shows.
func Tag(c Call, version uint64) {
	c.HTTP().Response.Header.SetBytesV(fasthttp.HeaderETag, transports.AppendVersionTag(nil, version))
}

// Status is that of a write's answer.
func Status(created bool) int {
	if created {
		return fasthttp.StatusCreated
	}
	return fasthttp.StatusOK
}
