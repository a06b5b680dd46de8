package transports_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/gateway"
	"reddot/actors/topic"
	"reddot/transports"
	"reddot/transports/eventloop"
	"reddot/transports/iframe"
	"reddot/transports/longpoll"
	"reddot/transports/poll"
	"reddot/transports/sse"
	"reddot/transports/streams"
	"reddot/transports/ws"
)

// fakeUser is the Hub and the Router of one user whose cursors are as simple
// as can be: event n has Seq n.
type fakeUser struct {
	mu     sync.Mutex
	events []actors.PushEvent
	conns  map[*gateway.Conn]actors.Cursor // and how far each one has come
	unread int
	hold   []*actors.Request // not answered yet, if holding
	holds  bool
	refuse actors.End // not EndGone: attachments are ended with it
	came   chan *gateway.Conn
	topics *topic.Broker
	kept   map[string]*actors.TopicMessage // what topics retain
}

func newFakeUser() *fakeUser {
	u := &fakeUser{conns: map[*gateway.Conn]actors.Cursor{}, came: make(chan *gateway.Conn, 1000), kept: map[string]*actors.TopicMessage{}}
	u.topics = topic.New(&actors.Home{Router: u, Now: func() int64 { return time.Now().UnixMilli() }})
	return u
}

func cursor(seq int) actors.Cursor { return actors.Cursor{Lineage: 7, Seq: uint64(seq)} }

func messageID(n int) actors.ID {
	id := actors.ID{6: 0x70, 8: 0x80}
	id[14], id[15] = byte(n>>8), byte(n)
	return id
}

func (u *fakeUser) at() actors.Cursor { return cursor(len(u.events)) }

func (u *fakeUser) counts() []byte {
	return fmt.Appendf(nil, `{"unread":%d,"unseen":%d,"by_category":{},"rev":%d,"cursor":"%s"}`, u.unread, u.unread, len(u.events), u.at())
}

// happen appends an event of the given type and members, and pushes it.
func (u *fakeUser) happen(kind, members string) {
	from := u.at()
	u.events = append(u.events, actors.PushEvent{Type: kind, To: cursor(len(u.events) + 1)})
	e := &u.events[len(u.events)-1]
	e.ID = []byte(e.To.String())
	e.Counts = u.counts()
	e.JSON = fmt.Appendf(nil, `{"type":"%s","cursor":"%s",%s,"counts":%s}`, kind, e.To, members, e.Counts)
	p := &actors.Push{Key: testUser, From: from, To: e.To, Events: []actors.PushEvent{*e}}
	for c := range u.conns {
		u.push(c, p)
	}
}

func (u *fakeUser) push(c *gateway.Conn, p *actors.Push) {
	if b := p.Frame(c.Format()); len(b) > 0 {
		u.send(c, b)
	}
}

func (u *fakeUser) send(c *gateway.Conn, b []byte) {
	_, err := c.Sink.Send(b)
	switch {
	case errors.Is(err, actors.ErrSlow):
		delete(u.conns, c)
		c.Close(actors.EndSlow)
	case err != nil:
		delete(u.conns, c)
	case c.Once():
		delete(u.conns, c)
		c.Close(actors.EndGone)
	}
}

// publish makes a message with the body.
func (u *fakeUser) publish(body string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.unread++
	text, _ := json.Marshal(body)
	u.happen("message", fmt.Sprintf(`"message":{"id":"%s","body":%s}`, messageID(len(u.events)+1), text))
}

// end ends all connections.
func (u *fakeUser) end(why actors.End) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		delete(u.conns, c)
		c.Close(why)
	}
}

// beat lets all connections beat.
func (u *fakeUser) beat() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		if a, ok := c.Sink.(actors.Answerer); ok && !a.Beat() {
			delete(u.conns, c)
			c.Close(actors.EndGone)
			continue
		}
		u.send(c, c.Format().AppendBeat(nil))
	}
}

// Attach implements gateway.Hub.
func (u *fakeUser) Attach(c *gateway.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	defer func() { u.came <- c }()
	if u.refuse != actors.EndGone {
		c.Close(u.refuse)
		return
	}
	u.conns[c] = u.at()
	after := c.Resumes()
	foreign := after != nil && (after.Lineage != 7 || after.Seq > u.at().Seq)
	recovered := after != nil && !foreign
	g, greets := c.Format().(actors.Greeter)
	if greets {
		at := u.at()
		if recovered {
			at = *after
		}
		u.send(c, g.AppendHello(nil, u.counts(), []byte(at.String()), recovered))
	}
	switch {
	case foreign:
		u.say(c, "reset")
	case after == nil && !greets:
		u.say(c, "counts")
	case recovered && after.Seq < u.at().Seq:
		u.push(c, &actors.Push{Key: testUser, From: *after, To: u.at(), Events: u.events[after.Seq:]})
	}
}

func (u *fakeUser) say(c *gateway.Conn, kind string) {
	e := actors.PushEvent{Type: kind, To: u.at(), ID: []byte(u.at().String()), Counts: u.counts()}
	e.JSON = fmt.Appendf(nil, `{"type":"%s","cursor":"%s","counts":%s}`, kind, u.at(), e.Counts)
	u.push(c, &actors.Push{Key: testUser, To: e.To, Events: []actors.PushEvent{e}})
}

// Ask implements actors.Router.
func (u *fakeUser) Ask(_ context.Context, r *actors.Request) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer(r)
	if r.Answer.Err != nil {
		return r.Answer.Err
	}
	return nil
}

// Send implements actors.Router.
func (u *fakeUser) Send(_ actors.Key, m any) {
	u.mu.Lock()
	r := m.(*actors.Request)
	if u.holds {
		u.hold = append(u.hold, r)
		u.mu.Unlock()
		return
	}
	u.answer(r)
	u.mu.Unlock()
	r.Respond()
}

func (u *fakeUser) answer(r *actors.Request) {
	switch c := r.Command.(type) {
	case *actors.Mark:
		u.mark(r, c)
	case *actors.Retain:
		u.kept[c.Message.Topic] = c.Message
	case *actors.Retained:
		for topic, m := range u.kept {
			if topic > c.After && actors.RetainedKey("default", topic) == r.Key && actors.MatchTopic(c.Filter, topic) {
				r.Answer.Messages = append(r.Answer.Messages, m)
			}
		}
	case *actors.Replay:
		var b [][]byte
		for _, e := range u.events[min(c.After.Seq, u.at().Seq):] {
			b = append(b, e.JSON)
		}
		r.Answer.Body = bytes.Join(b, []byte(","))
	}
	r.Answer.Counts = append(r.Answer.Counts[:0], u.counts()...)
	r.Answer.Cursor = u.at()
}

func (u *fakeUser) mark(r *actors.Request, c *actors.Mark) {
	state := map[actors.Marking]string{actors.MarkRead: "read", actors.MarkSeen: "seen", actors.MarkUnread: "unread",
		actors.MarkArchived: "archived", actors.MarkSnoozed: "snoozed"}[c.To]
	var ids []string
	for _, id := range c.IDs {
		if id == (actors.ID{}) || int(id[15]) > len(u.events) {
			r.Answer.Unknown = append(r.Answer.Unknown, id)
			continue
		}
		ids = append(ids, `"`+id.String()+`"`)
	}
	if c.To == actors.MarkRead {
		u.unread = max(0, u.unread-max(1, len(ids)))
	}
	if len(c.IDs) > 0 && len(ids) == 0 {
		return
	}
	u.happen("state", fmt.Sprintf(`"ids":[%s],"state":"%s"`, joinStrings(ids), state))
}

func joinStrings(list []string) string {
	var b bytes.Buffer
	for i, s := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(s)
	}
	return b.String()
}

var testUser = actors.UserKey("default", "alice")

// A world is a server with the five ways in, in front of a fakeUser.
type world struct {
	user    *fakeUser
	streams *streams.Streams
	gate    *transports.Gate
	caller  *transports.Principal
	addr    string
	scheme  string
	server  *fasthttp.Server
	refused atomic.Pointer[string] // whose connections stand no more
}

// refuse lets the caller's connections stand no more.
func (w *world) refuse(id string) { w.refused.Store(&id) }

func (w *world) stands(p *transports.Principal) (actors.End, bool) {
	id := w.refused.Load()
	return actors.EndForbidden, id == nil || *id != p.ID
}

// worldConfig is what a test changes.
type worldConfig struct {
	sink   streams.SinkConfig
	limits transports.Limits
	wait   longpoll.Config
	ws     ws.Config
	wrap   func(net.Listener) net.Listener
	caller *transports.Principal
	kind   string // of wires: loop, the default, tls (in a loop), or portable
	rest   time.Duration
	hub    gateway.Hub // nil: the fakeUser
}

// kinds are those of wires. What is seen on one is seen on all.
var kinds = []string{"loop", "tls", "portable"}

// newLoop returns an event loop, or nil where there is none.
func newLoop(t testing.TB, kind string) streams.Loop {
	t.Helper()
	if kind == "portable" {
		return nil
	}
	loop, err := eventloop.New(eventloop.Config{}, slog.New(slog.DiscardHandler))
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := loop.Close(); err != nil {
			t.Error(err)
		}
	})
	return loop
}

func newWorld(t testing.TB, cfg worldConfig) *world {
	t.Helper()
	gate, err := transports.NewGate(cfg.limits, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{user: newFakeUser(), gate: gate, caller: cfg.caller}
	if w.caller == nil {
		w.caller = &transports.Principal{ID: "user:alice", App: "default", Kind: transports.UserToken, User: "alice", Scopes: transports.ScopeRead,
			Topics: transports.Topics{Read: []string{"news/#"}, Write: []string{"news/+"}}}
	}
	log := slog.New(slog.DiscardHandler)
	origins, err := transports.ParseOrigins([]string{"https://app.example"})
	if err != nil {
		t.Fatal(err)
	}
	hub := cfg.hub
	if hub == nil {
		hub = w.user
	}
	w.streams = streams.NewStreams(streams.StreamsConfig{Sink: cfg.sink, Loop: newLoop(t, cfg.kind), Rest: cfg.rest, StillValid: w.stands,
		Resume: func(c net.Conn) { _ = w.server.ServeConn(c) }}, hub, gate, log)
	deps := streams.Deps{Router: w.user, Hub: hub, Topics: w.user.topics, Streams: w.streams, Gate: gate, Origins: origins, Log: log}
	polls, waits, pages, events, sockets := poll.New(deps), longpoll.New(cfg.wait, deps), iframe.New(deps), sse.New(deps), ws.New(cfg.ws, deps)
	routes := map[string]streams.Handler{
		"/counts": polls.Handle, "/wait": waits.Handle, "/iframe": pages.Handle, "/stream": events.Handle, "/ws": sockets.Handle,
		"/seed/counts": polls.HandleLegacy, "/seed/wait": waits.HandleLegacy, "/seed/iframe": pages.HandleLegacy,
		"/seed/stream": events.HandleLegacy, "/seed/ws": sockets.HandleLegacy,
	}
	w.serve(t, cfg, func(ctx *fasthttp.RequestCtx) {
		if origin := ctx.Request.Header.Peek("Origin"); origins.Allows(origin) {
			ctx.Response.Header.SetBytesV("Access-Control-Allow-Origin", origin)
			ctx.Response.Header.Add("Vary", "Origin")
		}
		routes[string(ctx.Path())](ctx, w.caller, testUser)
	})
	return w
}

func (w *world) serve(t testing.TB, cfg worldConfig, h fasthttp.RequestHandler) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr, w.scheme = ln.Addr().String(), "http"
	if cfg.kind == "tls" {
		ln, w.scheme = secureListener(t, ln), "https"
	}
	if cfg.wrap != nil {
		ln = cfg.wrap(ln)
	}
	s := &fasthttp.Server{Handler: h, KeepHijackedConns: true, NoDefaultServerHeader: true, StreamRequestBody: true,
		Concurrency: 20_000, MaxIdleWorkerDuration: 100 * time.Millisecond, ReadTimeout: 10 * time.Second, Logger: silent{}}
	w.server = s
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.streams.Drain(ctx, 0); err != nil {
			t.Errorf("drain: %v; open: %v", err, w.streams.Open())
		}
		if err := s.ShutdownWithContext(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-done
	})
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// attached waits for n attachments.
func (w *world) attached(t testing.TB, n int) {
	t.Helper()
	for range n {
		select {
		case <-w.user.came:
		case <-time.After(10 * time.Second):
			t.Fatal("no attachment came")
		}
	}
}

// dial opens a connection to the server.
func (w *world) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	if w.scheme == "https" {
		c = tls.Client(c, trusting)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// get makes a request by a client of the library.
func (w *world) get(path string) (*http.Response, error) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting, DisableKeepAlives: true}}
	return client.Get(w.scheme + "://" + w.addr + path)
}

// until waits for a condition.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in time", what)
		}
		time.Sleep(time.Millisecond)
	}
}
