package api

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/results"
)

// listRoutes are those of /v1/lists: who is in a list is a part of what is known of
// each user, so that a list is as large as the index may be.
func listRoutes() []*route {
	return []*route{
		{method: "GET", path: "/v1/lists/{name}", access: needBrowse, query: params{"after"}, handle: readList},
		{method: "GET", path: "/v1/lists/{name}/count", access: needBrowse, handle: countList},
		{method: "POST", path: "/v1/lists/{name}", access: needAuthor, handle: changeList(false)},
		{method: "POST", path: "/v1/lists/{name}/remove", access: needAuthor, handle: changeList(true)},
		{method: "DELETE", path: "/v1/lists/{name}", access: needAuthor, plain: true, handle: emptyList},
	}
}

// list returns the name of the list that the path names.
func (c *call) list() (string, error) { return transports.ParseName(string(c.params.List[0])) }

// changeList is POST /v1/lists/{name}, and …/remove with leave: a user a line.
func changeList(leave bool) func(*call) error {
	return func(c *call) error {
		list, err := c.list()
		if err != nil {
			return err
		}
		return c.batch(func(b *batch, line []byte) (*actors.Request, int, error) {
			user := ""
			err := b.draft.in.Whole(line, func(name string) (err error) {
				if name != "user" {
					return wrong(transports.ShownField(name), "there is no such field")
				}
				user, err = b.draft.in.WordField("user", transports.MaxUser)
				return err
			})
			if err == nil {
				user, err = transports.ParseUser(user)
			}
			if err != nil {
				return nil, 0, err
			}
			r := actors.NewRequest(actors.UserKey(b.who.App, user), &actors.JoinList{List: list, Leave: leave})
			r.Once = actors.EdgeOnce(actors.NewID())
			return r, results.IsMember, nil
		})
	}
}

// membersPage is how many users of a list are read at a time.
const membersPage = 1000

// members reads pages of users of a list behind after until each returns false.
func (c *call) members(ctx context.Context, list, after string, each func(users []string) bool) error {
	app, users := c.who.App, make([]string, 0, membersPage)
	for {
		users = users[:0]
		next, err := c.api.deps.Index.Members(ctx, app, list, after, membersPage, func(user string) { users = append(users, user) })
		if err != nil {
			return err
		}
		if len(users) > 0 && !each(users) || next == "" {
			return nil
		}
		after = next
	}
}

// countList is GET /v1/lists/{name}/count.
func countList(c *call) error {
	list, err := c.list()
	if err != nil {
		return err
	}
	if err := c.api.counts.Take(c.who.App); err != nil {
		return err
	}
	defer c.api.counts.Leave(c.who.App)
	n := 0
	err = c.members(c.api.deadlines.Next(), list, "", func(users []string) bool {
		n += len(users)
		return true
	})
	if err != nil {
		return err
	}
	return c.encode(fasthttp.StatusOK, map[string]int{"count": n})
}

// emptyList is DELETE /v1/lists/{name}: it takes users out until none is left or its
// time is up.
func emptyList(c *call) error {
	list, err := c.list()
	if err != nil {
		return err
	}
	a := c.api
	if err := c.takeBatch(); err != nil {
		return err
	}
	defer a.batches.Leave(c.who.App)
	var answer struct {
		Removed int  `json:"removed"`
		More    bool `json:"more"`
	}
	p, ctx := results.NewPipeline(a.deps.Router, a.cfg.BatchWindow, a.cfg.BatchOutput, a.cfg.Deadline), a.deadlines.Next()
	err = c.members(ctx, list, "", func(users []string) bool {
		for _, user := range users {
			r := actors.NewRequest(actors.UserKey(c.who.App, user), &actors.JoinList{List: list, Leave: true})
			r.Once = actors.EdgeOnce(actors.NewID())
			p.Send(r, 0, results.IsMember)
		}
		p.Flush(nil)
		answer.Removed += len(users)
		answer.More = p.Failures() > 0 || ctx.Err() != nil
		return !answer.More
	})
	answer.Removed -= p.Failures()
	if err != nil && answer.Removed == 0 {
		return err
	}
	answer.More = answer.More || err != nil
	return c.encode(fasthttp.StatusOK, answer)
}

// readList is GET /v1/lists/{name}: a user a line, in the order of the index.
func readList(c *call) error {
	list, err := c.list()
	if err != nil {
		return err
	}
	after := string(c.QueryArgs().Peek("after"))
	if after != "" {
		if after, err = transports.ParseUser(after); err != nil {
			return err
		}
	}
	if err := c.takeBatch(); err != nil {
		return err
	}
	c.SetContentType("application/x-ndjson")
	c.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	c.SetBodyStream(&listed{api: c.api, ctx: c.RequestCtx, app: c.who.App, list: list, after: after}, -1)
	return nil
}

// listed is the body that lists users. fasthttp calls WriteTo, and then Close.
type listed struct {
	api              *API
	ctx              *fasthttp.RequestCtx
	app, list, after string
	closed           bool
}

// SupportsBodyWriteTo tells fasthttp to call WriteTo.
func (*listed) SupportsBodyWriteTo() bool { return true }

// Read is not used: fasthttp calls WriteTo.
func (*listed) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Close gives the list's place back.
func (l *listed) Close() error {
	if !l.closed {
		l.closed = true
		l.api.batches.Leave(l.app)
	}
	return nil
}

// WriteTo implements io.WriterTo. An error in the middle cuts the answer off, so that
// it is not taken for the whole.
func (l *listed) WriteTo(w io.Writer) (written int64, err error) {
	var page []byte
	for after, next := l.after, ""; ; after = next {
		page = page[:0]
		next, err = l.api.deps.Index.Members(l.api.deadlines.Next(), l.app, l.list, after, membersPage, func(user string) {
			page = append(actors.AppendString(append(page, `{"user":`...), user), '}', '\n')
		})
		if err != nil {
			return written, fmt.Errorf("read the list %s: %w", l.list, err)
		}
		n, err := transports.WritePieces(l.ctx, w, page, l.api.cfg.WriteStall)
		if written += n; err != nil || next == "" {
			return written, err
		}
	}
}
