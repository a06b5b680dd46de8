package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/bulk"
)

// importRoutes are those of imports and of their jobs.
func importRoutes() []*route {
	return []*route{
		{method: "POST", path: "/v1/users/import", access: needPublish, query: params{"job", "mode", "offset", "format"}, handle: importUsers},
		{method: "GET", path: "/v1/users/export", access: needAdmin, query: params{"after", "format"}, handle: exportUsers},
		{method: "GET", path: "/v1/jobs", access: needBrowse, query: params{"limit", "next"}, handle: listJobs},
		{method: "GET", path: "/v1/jobs/{id}", access: needBrowse, handle: readJob},
		{method: "DELETE", path: "/v1/jobs/{id}", access: needPublish, plain: true, handle: deleteJob},
	}
}

// importUsers is POST /v1/users/import.
func importUsers(c *call) error {
	o, err := c.importOrder()
	if err != nil {
		return err
	}
	a := c.api
	if err := c.takeBatch(); err != nil {
		return err
	}
	b := &imported{api: a, ctx: c.RequestCtx, app: c.who.App, length: c.Request.Header.ContentLength()}
	var body io.Reader = bytes.NewReader(nil)
	if stream := c.Request.BodyStream(); stream != nil {
		b.body, body = stream, b
	} else if len(c.PostBody()) > 0 {
		body = bytes.NewReader(c.PostBody())
	}
	deps := bulk.Deps{Router: a.deps.Router, Jobs: a.deps.Jobs, Metrics: a.metrics.imports, Log: a.log}
	b.work, err = bulk.Begin(a.deadlines.Next(), bulk.Config{Answer: a.cfg.Deadline}, deps, o, body)
	if err != nil {
		_ = b.Close()
		return err
	}
	c.SetContentType("application/x-ndjson")
	c.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store, no-transform") // it comes line by line
	c.Response.Header.Set("X-Accel-Buffering", "no")
	c.Response.Header.Set(fasthttp.HeaderLocation, "/v1/jobs/"+b.work.Job())
	c.SetBodyStream(&importAnswer{b}, -1)
	return nil
}

// importOrder reads what is to be imported from the request's head.
func (c *call) importOrder() (o bulk.Order, err error) {
	q := c.QueryArgs()
	o = bulk.Order{App: c.who.App, By: c.who.ID, Mode: bulk.Merge, Offset: -1}
	if id := string(q.Peek("job")); id != "" {
		if o.Job, err = transports.ParseName(id); err != nil {
			return o, wrong("job", detail(err))
		}
	}
	switch mode := bulk.Mode(q.Peek("mode")); mode {
	case "":
	case bulk.Merge, bulk.Replace:
		o.Mode = mode
	default:
		return o, wrong("mode", "it must be merge or replace")
	}
	if len(q.Peek("offset")) > 0 {
		n, err := c.number("offset")
		if err != nil {
			return o, err
		}
		if o.Offset = int64(n); o.Offset < 0 {
			return o, wrong("offset", "it is too large")
		}
	}
	o.Format, err = c.format(string(c.Request.Header.ContentType()), bulk.NDJSON)
	return o, err
}

// format reads which format is meant: by ?format=, or else by a media type.
func (c *call) format(media string, def bulk.Format) (bulk.Format, error) {
	switch f := bulk.Format(c.QueryArgs().Peek("format")); {
	case f == bulk.NDJSON || f == bulk.CSV:
		return f, nil
	case f != "":
		return "", wrong("format", "it must be ndjson or csv")
	case strings.Contains(media, "text/csv"):
		return bulk.CSV, nil
	}
	return def, nil
}

// imported is the body of an import, which has no end in time as long as it comes.
type imported struct {
	api    *API
	ctx    *fasthttp.RequestCtx
	app    string
	work   *bulk.Import
	body   io.Reader // nil: it is in memory
	length int       // of the body in bytes; below 0: not known
	taken  int
	closed bool
}

// Read gives the client a time of its own for each piece.
func (b *imported) Read(p []byte) (int, error) {
	if err := b.ctx.SetReadDeadline(time.Now().Add(b.api.cfg.BatchIdle)); err != nil {
		return 0, err
	}
	n, err := b.body.Read(p)
	b.taken += n
	if errors.Is(err, io.EOF) && b.taken < b.length {
		err = io.ErrUnexpectedEOF // fasthttp does not say so
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = &actors.Error{Code: actors.Invalid, Detail: "the body broke off, or came to a halt; the job can go on", Cause: err}
	}
	return n, err
}

// Close gives the import's place back.
func (b *imported) Close() error {
	if !b.closed {
		b.closed = true
		b.api.batches.Leave(b.app)
	}
	return nil
}

// importAnswer is the answer to an import. fasthttp calls WriteTo, and then Close.
type importAnswer struct{ *imported }

// SupportsBodyWriteTo tells fasthttp to call WriteTo.
func (*importAnswer) SupportsBodyWriteTo() bool { return true }

// Read is not used: fasthttp calls WriteTo.
func (*importAnswer) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// WriteTo works on the import and writes what is told of it.
func (b *importAnswer) WriteTo(w io.Writer) (written int64, err error) {
	err = b.work.Run(context.Background(), func(line []byte) error {
		n, err := transports.WritePieces(b.ctx, w, line, b.api.cfg.WriteStall)
		written += n
		return err
	})
	if b.body != nil {
		_ = b.ctx.SetReadDeadline(time.Unix(1, 0)) // wakes a Read
	}
	<-b.work.Ended()
	_ = b.ctx.SetWriteDeadline(time.Now().Add(b.api.cfg.BatchIdle))
	if err != nil {
		return written, fmt.Errorf("import: write the answer: %w", err)
	}
	return written, nil
}

// jobName reads the job that the path names.
func (c *call) jobName() (string, error) {
	id, err := transports.ParseName(string(c.params.List[0]))
	if err != nil {
		return "", wrong("id", detail(err))
	}
	return id, nil
}

// readJob is GET /v1/jobs/{id}.
func readJob(c *call) error {
	id, err := c.jobName()
	if err != nil {
		return err
	}
	job, err := c.api.deps.Jobs.Read(c.api.deadlines.Next(), c.who.App, id)
	if err != nil {
		return err
	}
	c.reply(fasthttp.StatusOK, job.AppendJSON(nil))
	return nil
}

// listJobs is GET /v1/jobs.
func listJobs(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	next := string(c.QueryArgs().Peek("next"))
	if _, err := transports.ParseName(next); next != "" && err != nil {
		return wrong("next", "this is no next that the server gave out")
	}
	jobs, next, err := c.api.deps.Jobs.List(c.api.deadlines.Next(), c.who.App, next, limit)
	if err != nil {
		return err
	}
	page := struct {
		Jobs []json.RawMessage `json:"jobs"`
		Next string            `json:"next,omitempty"`
	}{[]json.RawMessage{}, next}
	for _, job := range jobs {
		page.Jobs = append(page.Jobs, job.AppendJSON(nil))
	}
	return c.encode(fasthttp.StatusOK, page)
}

// deleteJob is DELETE /v1/jobs/{id}.
func deleteJob(c *call) error {
	id, err := c.jobName()
	if err != nil {
		return err
	}
	if err := c.api.deps.Jobs.End(c.api.deadlines.Next(), c.who.App, id); err != nil {
		return err
	}
	c.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}
