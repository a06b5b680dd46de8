package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// export is GET /v1/users/{user}/export: one JSON object, which is written page by
// page as the client takes it.
func export(c *call) error {
	key := c.userKey()
	r, err := c.ask(key, &actors.Export{}, actors.Once{})
	if err != nil {
		return err
	}
	body := r.Answer.Body
	r.Release()
	claim := c.claim()
	if err := claim.Grow(len(body)); err != nil {
		claim.Close()
		return err
	}
	c.reply(fasthttp.StatusOK, nil)
	c.SetBodyStream(&exported{api: c.api, ctx: c.RequestCtx, key: key, page: body, claim: claim}, -1)
	return nil
}

// exported is an export's body, of which it holds one page. fasthttp calls
// WriteTo, and then Close.
type exported struct {
	api   *API
	ctx   *fasthttp.RequestCtx
	key   actors.Key
	page  []byte
	claim *transports.Claim
}

// SupportsBodyWriteTo tells fasthttp to call WriteTo.
func (*exported) SupportsBodyWriteTo() bool { return true }

// Read is not used: fasthttp calls WriteTo.
func (*exported) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Close implements io.Closer.
func (e *exported) Close() error {
	e.claim.Close()
	return nil
}

// What stands around the messages of a page.
const (
	pageHead = `{"messages":[`
	pageTail = `]}`
	pageNext = `],"next":"`
)

// WriteTo implements io.WriterTo. An error in the middle cuts the answer off, so
// that it is not taken for the whole.
func (e *exported) WriteTo(w io.Writer) (written int64, err error) {
	for first := true; ; first = false {
		items, next := cutPage(e.page)
		if !first {
			items = bytes.TrimPrefix(items, []byte(pageHead))
			if len(items) > 0 {
				items = append([]byte{','}, items...)
			}
		}
		if next == "" {
			items = append(items, pageTail...)
		}
		n, err := transports.WritePieces(e.ctx, w, items, e.api.cfg.WriteStall)
		if written += n; err != nil || next == "" {
			return written, err
		}
		if err := e.read(next); err != nil {
			return written, fmt.Errorf("export: %w", err)
		}
	}
}

// read replaces the page by the one at next.
func (e *exported) read(next string) error {
	r := actors.NewRequest(e.key, &actors.List{State: actors.StateKept, Limit: math.MaxInt32, Next: next})
	if err := e.api.deps.Router.Ask(e.api.deadlines.Next(), r); err != nil {
		return err
	}
	e.page = r.Answer.Body
	r.Release()
	return e.claim.Resize(len(e.page))
}

// cutPage returns a page without what is behind its messages, and where they go
// on; "": nowhere.
func cutPage(page []byte) (items []byte, next string) {
	if i := bytes.LastIndex(page, []byte(pageNext)); i >= 0 {
		if text := page[i+len(pageNext):]; bytes.IndexByte(text, '"') == len(text)-2 {
			return page[:i:i], string(text[:len(text)-2])
		}
	}
	items = bytes.TrimSuffix(page, []byte(pageTail))
	return items[:len(items):len(items)], ""
}
