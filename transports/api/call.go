package api

import (
	"bytes"
	"errors"
	"io"
	"log/slog"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/catalog"
	"reddot/transports"
	"reddot/transports/api/paths"
	"reddot/transports/streams"
)

// A call is one request on its way through the API. It is used again: nothing
// of it may be held when the handler returns.
type call struct {
	*fasthttp.RequestCtx
	api   *API
	route *route
	who   *transports.Principal
	user  string // whom the path names; "me" resolved

	params paths.Params // of the path
	draft  draft
	body   []byte
	out    []byte
	dry    bool // nothing is to be written
	long   bool // its body is long: it has a place among the batches
}

func newCall(a *API) *call {
	return &call{api: a, params: paths.Params{List: make([][]byte, 0, paths.MaxParams)}, draft: draft{lim: &a.cfg.Message}}
}

// maxKept is how large a buffer may be that a call keeps for the next request.
const maxKept = 64 << 10

// reset lets go of the request.
func (c *call) reset() {
	c.RequestCtx, c.route, c.who, c.user, c.dry = nil, nil, nil, "", false
	c.params.List, c.body, c.out = c.params.List[:0], c.body[:0], c.out[:0]
	if cap(c.body)+cap(c.out)+cap(c.draft.buf) > maxKept {
		c.body, c.out, c.draft.buf = nil, nil, nil
	}
	c.draft.forget()
}

// template names the call's route for logs and metrics.
func (c *call) template() string {
	if c.route == nil {
		return "none"
	}
	return c.route.path
}

// enter checks what the caller may do and resolves the path's user.
func (c *call) enter(access access) error {
	for action, need := range needs {
		if access&need == 0 {
			continue
		}
		if err := c.who.Can(transports.Action(action)); err != nil {
			return err
		}
	}
	if access&needUser == 0 || len(c.params.List) == 0 {
		return nil
	}
	var err error
	c.user, err = c.who.Resolve(string(c.params.List[0]))
	return err
}

// claim returns an empty Claim for what waits for the caller.
func (c *call) claim() *transports.Claim {
	return c.api.deps.Budget.Claim(c.api.deps.Gate.Address(c.RequestCtx), c.who)
}

// userKey returns the key of the path's user.
func (c *call) userKey() actors.Key { return actors.UserKey(c.who.App, c.user) }

// view hands the call over to a transport. Where that answered with an error,
// the CORS headers are gone.
func (c *call) view(v streams.Handler) {
	v(c.RequestCtx, c.who, c.userKey())
	if !c.Hijacked() {
		c.api.allowOrigin(c)
	}
}

// id reads the path's parameter i as a message's id.
func (c *call) id(i int) (actors.ID, error) {
	id, err := actors.ParseID(string(c.params.List[i]))
	if err != nil {
		return id, wrong("id", "a message's id looks like 01980e2b-6b3c-7c1e-a4b0-0123456789ab")
	}
	return id, nil
}

// checkWrite checks what holds for all requests that write: in a coding that is not
// understood, or under a key that is none, nothing is written.
func (c *call) checkWrite() error {
	if c.IsGet() || c.IsHead() {
		return nil
	}
	for _, list := range c.Request.Header.PeekAll(fasthttp.HeaderContentEncoding) {
		for coding := range bytes.SplitSeq(list, []byte(",")) {
			if coding = bytes.TrimSpace(coding); len(coding) > 0 && !bytes.EqualFold(coding, []byte("identity")) {
				return errCoded
			}
		}
	}
	if _, err := c.onceKey(); err != nil {
		return err
	}
	if c.route.plain {
		return c.readNothing()
	}
	return nil
}

// readNothing refuses a body of anything but an empty object, which a client's
// library may send for none: whoever sends more means something by it.
func (c *call) readNothing() error {
	err := c.readMark(&actors.Mark{}, 0)
	c.body = c.body[:0]
	return err
}

// readBody returns the whole body, of at most limit bytes. It is good until
// the call ends. (PostBody would read any amount, and give back the text of an
// error as if it were the body.)
func (c *call) readBody(limit int) ([]byte, error) {
	if n := c.Request.Header.ContentLength(); n > limit {
		return nil, large("body of the request", limit)
	}
	stream := c.Request.BodyStream()
	if stream == nil {
		c.body = append(c.body[:0], c.PostBody()...)
		return c.body, nil
	}
	b := c.body[:0]
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := stream.Read(b[len(b):min(cap(b), limit+1)])
		b = b[:len(b)+n]
		c.body = b
		switch {
		case len(b) > limit:
			return nil, large("body of the request", limit)
		case err == io.EOF:
			if n := c.Request.Header.ContentLength(); n > len(b) {
				return nil, actors.Errorf(actors.Invalid, "the body ends before its Content-Length")
			}
			return b, nil
		case err != nil:
			// Its text is not kept: it may repeat what was sent.
			return nil, actors.Errorf(actors.Invalid, "the body cannot be read to its end")
		}
	}
}

// ask sends the command to the actor and waits. The request is the caller's to
// release.
func (c *call) ask(key actors.Key, cmd actors.Command, once actors.Once) (*actors.Request, error) {
	r := actors.NewRequest(key, cmd)
	r.Once = once
	if err := c.api.deps.Router.Ask(c.api.deadlines.Next(), r); err != nil {
		// It may be under way still, so its memory is left to the collector.
		return nil, err
	}
	return r, nil
}

// answerJSON answers with the body that the actor made.
func (c *call) answerJSON(key actors.Key, cmd actors.Command) error {
	r, err := c.ask(key, cmd, actors.Once{})
	if err != nil {
		return err
	}
	c.reply(fasthttp.StatusOK, nil)
	c.Response.SetBodyRaw(r.Answer.Body) // nobody else has it
	r.Release()
	return nil
}

// reply answers with JSON, which is copied.
func (c *call) reply(status int, body []byte) {
	c.SetStatusCode(status)
	c.SetContentType("application/json")
	c.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	c.Response.SetBody(body)
}

// errMethod refuses a method that the path does not have.
type errMethod struct{ allow string }

func (errMethod) Error() string { return "the URL has no such method" }

// errCoded answers a body in a coding (RFC 9110 section 8.4). To take one apart
// would cost a client one byte, and the server a thousand.
var errCoded = &actors.Error{Code: actors.Invalid, Field: fasthttp.HeaderContentEncoding, Detail: "send the body as it is: no content coding is taken"}

// refuse answers with the error.
func (c *call) refuse(err error) {
	if errors.Is(err, errCoded) {
		transports.WriteProblemAs(c.RequestCtx, err, fasthttp.StatusUnsupportedMediaType)
		c.Response.Header.Set(fasthttp.HeaderAcceptEncoding, "identity") // section 15.5.16
		c.SetConnectionClose()                                           // the body was not read
		c.api.allowOrigin(c)
		return
	}
	if errors.Is(err, catalog.ErrNoMatch) {
		c.refuseMatch()
		return
	}
	var m errMethod
	if errors.As(err, &m) {
		c.refuseMethod(m)
		return
	}
	e := actors.AsError(err)
	if e.Code == actors.Internal || e.Cause != nil {
		c.api.log.LogAttrs(c.RequestCtx, levelOf(e), "request failed", slog.String("method", string(c.Method())),
			slog.String("route", c.template()), slog.Any("error", e))
	}
	transports.WriteProblem(c.RequestCtx, e)
	c.api.allowOrigin(c)
}

// levelOf tells our own faults from what clients and restarts cause.
func levelOf(e *actors.Error) slog.Level {
	if e.Code == actors.Internal {
		return slog.LevelError
	}
	return slog.LevelInfo
}

// refuseMethod answers 405 (RFC 9110, section 15.5.6), which is no code of the
// domain's.
func (c *call) refuseMethod(m errMethod) {
	transports.WriteProblemAs(c.RequestCtx, actors.Errorf(actors.Invalid, "the URL has no such method; it has %s", m.allow), fasthttp.StatusMethodNotAllowed)
	c.Response.Header.Set(fasthttp.HeaderAllow, m.allow)
	c.api.allowOrigin(c)
}

// detail returns what the error says to a client.
func detail(err error) string { return actors.AsError(err).Detail }
