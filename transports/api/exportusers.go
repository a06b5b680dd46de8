package api

import (
	"context"
	"errors"
	"io"

	"github.com/valyala/fasthttp"

	"reddot/transports"
	"reddot/transports/api/bulk"
)

// exportUsers is GET /v1/users/export.
func exportUsers(c *call) error {
	format, err := c.format(string(c.Request.Header.Peek(fasthttp.HeaderAccept)), bulk.NDJSON)
	if err != nil {
		return err
	}
	after := string(c.QueryArgs().Peek("after"))
	if after != "" {
		if after, err = transports.ParseUser(after); err != nil {
			return wrong("after", detail(err))
		}
	}
	if err := c.takeBatch(); err != nil {
		return err
	}
	media := "application/x-ndjson"
	if format == bulk.CSV {
		media = "text/csv; charset=utf-8"
	}
	c.SetContentType(media)
	c.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	c.SetBodyStream(&exportedUsers{c.api, c.RequestCtx, c.who.App, after, format, c.claim(), false}, -1)
	return nil
}

// exportedUsers is an export's body. fasthttp calls WriteTo, and then Close.
type exportedUsers struct {
	api    *API
	ctx    *fasthttp.RequestCtx
	app    string
	after  string
	format bulk.Format
	claim  *transports.Claim
	closed bool
}

// SupportsBodyWriteTo tells fasthttp to call WriteTo.
func (*exportedUsers) SupportsBodyWriteTo() bool { return true }

// Read is not used: fasthttp calls WriteTo.
func (*exportedUsers) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Close gives the export's place back.
func (e *exportedUsers) Close() error {
	if !e.closed {
		e.closed = true
		e.claim.Close()
		e.api.batches.Leave(e.app)
	}
	return nil
}

// WriteTo implements io.WriterTo. An error in the middle cuts the answer off, so
// that it is not taken for the whole.
func (e *exportedUsers) WriteTo(w io.Writer) (written int64, err error) {
	err = bulk.Export(context.Background(), e.api.deps.Index, e.app, e.after, e.format, func(lines []byte) error {
		if err := e.claim.Resize(len(lines)); err != nil {
			return err
		}
		n, err := transports.WritePieces(e.ctx, w, lines, e.api.cfg.WriteStall)
		written += n
		return err
	})
	return written, err
}
