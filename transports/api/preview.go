package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/audience"
)

// countsAtOnce is how many counts may be under way: each may keep a processor busy
// for a second or more.
const countsAtOnce = 2

// previewUsers is how many users a preview shows.
const previewUsers = 20

// previewRoutes are those that show whom a segment finds.
func previewRoutes() []*route {
	return []*route{
		{method: "GET", path: "/v1/segments/{name}/preview", access: needBrowse, query: params{"version", "count"}, handle: previewSegment},
		{method: "POST", path: "/v1/segments/preview", access: needBrowse, query: params{"count"}, handle: previewExpression},
	}
}

// previewSegment is GET /v1/segments/{name}/preview.
func previewSegment(c *call) error {
	e, err := c.segment()
	if err != nil {
		return err
	}
	var stored segmentBody
	if err := json.Unmarshal(e.Body, &stored); err != nil {
		return fmt.Errorf("the segment %s: %w", e.Name, err)
	}
	return c.preview(stored.Where)
}

// previewExpression is POST /v1/segments/preview with {"where":…}.
func previewExpression(c *call) error {
	where, err := c.where()
	if err != nil {
		return err
	}
	return c.preview(where)
}

// preview answers with whom an expression finds.
func (c *call) preview(where string) error {
	counts := true
	if s := string(c.QueryArgs().Peek("count")); s != "" {
		var err error
		if counts, err = strconv.ParseBool(s); err != nil {
			return wrong("count", "it must be true or false")
		}
	}
	segment, err := audience.Check(where)
	if err != nil {
		return err
	}
	ctx := c.api.deadlines.Next()
	var answer struct {
		Count *int     `json:"count,omitempty"`
		Users []string `json:"users"`
		Pos   uint64   `json:"pos"`
	}
	if answer.Pos, err = c.api.deps.LogHead(ctx, c.who.App); err != nil {
		return err
	}
	var n int
	if answer.Users, n, err = c.found(ctx, segment, counts); err != nil {
		return err
	}
	if counts {
		answer.Count = &n
	}
	return c.encode(fasthttp.StatusOK, answer)
}

// found returns the first users of a segment, and how many there are if that is asked for.
func (c *call) found(ctx context.Context, s *audience.Segment, counts bool) (users []string, n int, err error) {
	x, now := c.api.deps.Index, c.api.now().UnixMilli()
	if users, err = x.First(ctx, c.who.App, s, now, previewUsers); err != nil || !counts {
		return users, 0, tooSlow(err)
	}
	if err := c.api.counts.Take(c.who.App); err != nil {
		return nil, 0, err
	}
	defer c.api.counts.Leave(c.who.App)
	n, err = x.Count(ctx, c.who.App, s, now)
	return users, n, tooSlow(err)
}

// tooSlow says what may be asked for in place of what took too long.
func tooSlow(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &actors.Error{Code: actors.Unavailable, Detail: "so many users had to be looked at that it took too long; ask with count=false, or narrow the expression", Cause: err}
	}
	return err
}
