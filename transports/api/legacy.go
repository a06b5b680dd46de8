package api

import (
	"bytes"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/results"
	"reddot/transports/jsontext"
	"reddot/transports/streams"
)

// legacyRoutes are the URLs of the program that Reddot grew from. They take
// parameters that they do not know, and answer in its words.
func legacyRoutes(v *Views) []*route {
	const own = needRead | needUser
	table := []*route{
		view("/message/count/{id}", own, v.LegacyCount, false),
		view("/polling/watch/{id}", own, v.LegacyWatch, true),
		view("/sse/sub/{userId}", own, v.LegacyStream, true),
		view("/webSocket/{userId}", own, v.LegacyWebSocket, true),
		view("/websocket/{userId}", own, v.LegacyWebSocket, true),
	}
	if v.LegacyIframe != nil {
		table = append(table, &route{method: "GET", path: "/iframe/message", access: needRead, parks: true, handle: legacyIframe(v.LegacyIframe)})
	}
	for _, method := range []string{"GET", "POST"} {
		table = append(table,
			&route{method: method, path: "/polling/publish/{id}", access: needUser | getWrites, handle: legacyPublish},
			&route{method: method, path: "/socket/publish", access: getWrites, handle: legacySocketPublish})
	}
	for _, r := range table {
		r.legacy, r.query = true, anyParams
	}
	return table
}

// legacyIframe resolves ?userId= before it calls the view.
func legacyIframe(v streams.Handler) func(*call) error {
	return func(c *call) (err error) {
		name := string(c.QueryArgs().Peek("userId"))
		if name == "" {
			name = c.api.cfg.DemoUser
		}
		if c.user, err = c.who.Resolve(name); err != nil {
			return err
		}
		c.view(v)
		return nil
	}
}

// legacyPublish is GET|POST /polling/publish/{id}?message=. The article calls it
// without a message, and its program then answers with the time.
func legacyPublish(c *call) error {
	d, err := c.legacyMessage("updated at " + c.api.now().UTC().Format(time.RFC3339))
	if err != nil {
		return err
	}
	if err := c.legacyTo(c.user, d); err != nil {
		return err
	}
	c.success()
	return nil
}

// legacySocketPublish is GET|POST /socket/publish?userId=&message=: to one user,
// or to all who are connected.
func legacySocketPublish(c *call) error {
	d, err := c.legacyMessage("")
	if err != nil {
		return err
	}
	if name := c.legacyParam("userId"); len(name) > 0 {
		user, err := c.who.Resolve(string(name))
		if err != nil {
			return err
		}
		if err := c.legacyTo(user, d); err != nil {
			return err
		}
	} else if err := c.legacyToAll(d); err != nil {
		return err
	}
	c.success()
	return nil
}

// legacyMessage reads the message, from the query or from a form. Where there is
// none it is the default; an empty default: one is needed.
func (c *call) legacyMessage(byDefault string) (*draft, error) {
	if c.IsPost() {
		if _, err := c.readBody(c.api.deps.Gate.Limits().MaxBody); err != nil {
			return nil, err
		}
	}
	message := c.legacyParam("message")
	if len(message) == 0 {
		message = []byte(byDefault)
	}
	d := &c.draft
	*d = draft{lim: d.lim, now: c.api.now().UnixMilli(), has: fieldBody}
	switch {
	case len(message) == 0:
		return nil, wrong("message", "it is missing")
	case len(message) > d.lim.Text:
		return nil, large("message", d.lim.Text)
	case !utf8.Valid(message):
		return nil, wrong("message", "it is no UTF-8")
	}
	quoted := jsontext.AppendString(nil, string(message))
	d.in.Reset(quoted, d.lim.Depth)
	var err error
	if d.body, err = d.in.TextField("message", d.lim.Text); err != nil {
		return nil, err
	}
	c.api.screen(c.who.App, d)
	return d, c.api.govern(c.who.App, d)
}

// legacyParam returns a parameter from the query, or from the form that is the
// body.
func (c *call) legacyParam(name string) []byte {
	if v := c.QueryArgs().Peek(name); len(v) > 0 || len(c.body) == 0 {
		return v
	}
	if !bytes.HasPrefix(c.Request.Header.ContentType(), []byte("application/x-www-form-urlencoded")) {
		return nil
	}
	var form fasthttp.Args
	form.ParseBytes(c.body)
	return form.Peek(name)
}

// legacyTo publishes to one user. A user may do so to himself, as the legacy
// pages do; a server key needs its scope.
func (c *call) legacyTo(user string, d *draft) error {
	if !c.who.IsUser() {
		if err := c.who.Can(transports.ToPublish); err != nil {
			return err
		}
	}
	if err := c.api.deps.Gate.Publish(c.who, 1); err != nil {
		return err
	}
	id := actors.NewID()
	r, err := c.ask(actors.UserKey(c.who.App, user), &d.publication(id).publish, actors.EdgeOnce(id))
	if err != nil {
		return err
	}
	r.Release()
	return nil
}

// legacyToAll publishes to everybody who is connected. It fails as its first
// failure does.
func (c *call) legacyToAll(d *draft) error {
	if err := c.who.Can(transports.ToPublish); err != nil {
		return err
	}
	users := c.api.deps.Connected(c.who.App)
	if err := c.api.deps.Gate.Publish(c.who, max(1, len(users))); err != nil {
		return err
	}
	f := results.NewPipeline(c.api.deps.Router, c.api.cfg.BatchWindow, c.api.cfg.BatchOutput, c.api.cfg.Deadline)
	for i, user := range users {
		id := actors.NewID()
		r := actors.NewRequest(actors.UserKey(c.who.App, user), &d.publication(id).publish)
		r.Once = actors.EdgeOnce(id)
		f.Send(r, 0, results.IsPublish)
		if (i+1)%f.Window() == 0 {
			f.Flush(nil)
		}
	}
	f.Flush(nil)
	if f.Failures() > 0 {
		return actors.Errorf(actors.Unavailable, "%d of %d users may not have the message", f.Failures(), len(users))
	}
	return nil
}

// success is what the legacy URLs answer to a publish.
func (c *call) success() {
	c.SetContentType("text/plain; charset=utf-8")
	c.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	c.SetBodyString("success")
}
