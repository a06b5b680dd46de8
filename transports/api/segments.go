package api

import (
	"encoding/json"
	"fmt"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/audience"
	"reddot/actors/catalog"
	"reddot/transports"
)

// segmentRoutes are those of /v1/segments.
func segmentRoutes() []*route {
	return []*route{
		{method: "GET", path: "/v1/segments", access: needBrowse, query: params{"limit", "next"}, handle: listSegments},
		{method: "GET", path: "/v1/segments/{name}", access: needBrowse, query: params{"version"}, handle: readSegment},
		{method: "PUT", path: "/v1/segments/{name}", access: needAuthor, handle: putSegment},
		{method: "DELETE", path: "/v1/segments/{name}", access: needAuthor, plain: true, handle: deleteSegment},
	}
}

// listSegments is GET /v1/segments.
func listSegments(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	next := string(c.QueryArgs().Peek("next"))
	if _, err := transports.ParseName(next); next != "" && err != nil {
		return wrong("next", "this is no next that the server gave out")
	}
	entries, next, err := c.api.deps.Segments.List(c.api.deadlines.Next(), c.who.App, next, limit)
	if err != nil {
		return err
	}
	page := struct {
		Segments []json.RawMessage `json:"segments"`
		Next     string            `json:"next,omitempty"`
	}{[]json.RawMessage{}, next}
	for i := range entries {
		page.Segments = append(page.Segments, entries[i].AppendJSON(nil))
	}
	return c.encode(fasthttp.StatusOK, page)
}

// readSegment is GET /v1/segments/{name}, of a version if one is named.
func readSegment(c *call) error {
	e, err := c.segment()
	if err != nil {
		return err
	}
	c.answerEntry(fasthttp.StatusOK, &e)
	return nil
}

// segment returns the segment that the path names, in the version that is asked for.
func (c *call) segment() (e catalog.Entry, err error) {
	name, err := transports.ParseName(string(c.params.List[0]))
	if err != nil {
		return e, err
	}
	version := uint64(0)
	if len(c.QueryArgs().Peek("version")) > 0 {
		if version, err = c.number("version"); err == nil && version == 0 {
			err = wrong("version", "versions are numbered from 1")
		}
		if err != nil {
			return e, err
		}
	}
	return c.api.deps.Segments.Read(c.api.deadlines.Next(), c.who.App, name, version)
}

// segmentBody is what stands under a segment's name.
type segmentBody struct {
	Where string `json:"where"`
}

// putSegment is PUT /v1/segments/{name} with {"where":…}.
func putSegment(c *call) error {
	var segment segmentBody
	var err error
	if segment.Where, err = c.where(); err != nil {
		return err
	}
	if _, err := audience.Check(segment.Where); err != nil {
		return err
	}
	stored, err := json.Marshal(segment)
	if err != nil {
		return fmt.Errorf("encode the segment: %w", err)
	}
	r, err := c.changeSegment(transports.AuditSegmentPut, stored)
	if err != nil {
		return err
	}
	status := fasthttp.StatusOK
	if r.Created {
		status = fasthttp.StatusCreated
	}
	c.answerEntry(status, &r.Entry)
	return nil
}

// where reads a body {"where":…}.
func (c *call) where() (where string, err error) {
	body, err := c.readBody(c.api.deps.Gate.Limits().MaxBody)
	if err != nil {
		return "", err
	}
	err = c.draft.in.Whole(body, func(name string) (err error) {
		if name != "where" {
			return wrong(transports.ShownField(name), "there is no such field")
		}
		where, err = c.draft.in.WordField("where", audience.MaxLength)
		return err
	})
	return where, err
}

// deleteSegment is DELETE /v1/segments/{name}.
func deleteSegment(c *call) error {
	if _, err := c.changeSegment(transports.AuditSegmentDrop, nil); err != nil {
		return err
	}
	c.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// changeSegment makes a version of the segment that the path names; a nil body
// removes it.
func (c *call) changeSegment(action string, body json.RawMessage) (catalog.Result, error) {
	name, err := transports.ParseName(string(c.params.List[0]))
	if err != nil {
		return catalog.Result{}, err
	}
	once, err := c.once(actors.ID{})
	if err != nil {
		return catalog.Result{}, err
	}
	if once.Edge {
		once = actors.Once{}
	}
	noting := transports.Noting{Audit: c.api.deps.Audit, Entry: c.entry(c.who.App, action, "segment:"+name, nil, nil)}
	r, err := c.api.deps.Segments.Apply(c.api.deadlines.Next(), c.who.App, name, catalog.Change{
		Body: body, By: c.who.ID, Once: once,
		Match: func(version uint64) bool { return transports.MatchVersion(c.RequestCtx, version) },
		Noting: func(before, after *catalog.Entry) error {
			return noting.Note(c.api.deadlines.Next(), before.Body, after.Body)
		},
	})
	if err != nil {
		noting.Undone(c.api.deadlines.Next(), err)
		return r, err
	}
	if r.Replayed {
		c.Response.Header.Set("Idempotent-Replayed", "true")
	}
	return r, nil
}

// answerEntry answers with a version and its tag.
func (c *call) answerEntry(status int, e *catalog.Entry) {
	c.Response.Header.SetBytesV(fasthttp.HeaderETag, transports.AppendVersionTag(nil, e.Version))
	c.reply(status, e.AppendJSON(nil))
}

// refuseMatch answers 412 (RFC 9110 section 15.5.13), which is no code of the
// domain's.
func (c *call) refuseMatch() {
	transports.WriteProblemAs(c.RequestCtx, catalog.ErrNoMatch, fasthttp.StatusPreconditionFailed)
	c.api.allowOrigin(c)
}
