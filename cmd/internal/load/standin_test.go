package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"reddot/cmd/internal/load/mqtt"
)

// A standIn is a small server in memory that keeps the API's promises, or
// breaks one of them on purpose.
type standIn struct {
	url   string
	fault string
	once  sync.Once
	log   sync.Mutex // held by a broadcast
	mu    sync.Mutex
	users map[string]*standInUser
	topic map[*standInSub]string // what a stream listens to
	nth   int
	ended bool

	clients map[string][]mqttSub // by topic
	held    []byte
}

type standInUser struct {
	id                  string // in its cursors
	member              bool   // of what is followed or matched
	unread, unseen, rev int64
	history             []standInEvent
	subs                map[*standInSub]bool
}

type standInEvent struct {
	rev  int64
	kind string
	json string
}

type standInSub struct{ ch chan standInEvent }

// newStandIn starts a stand-in that is faulty in the named way, "" for none.
func newStandIn(t *testing.T, fault string) *standIn {
	t.Helper()
	s := &standIn{fault: fault, users: map[string]*standInUser{}, topic: map[*standInSub]string{}, clients: map[string][]mqttSub{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + l.Addr().String()
	srv := &fasthttp.Server{Handler: s.serve, CloseOnShutdown: true, MaxRequestBodySize: 64 << 20}
	if fault == "tls" {
		cert, key, err := fasthttp.GenerateTestCertificate("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		s.url = "https://" + l.Addr().String()
		go srv.ServeTLSEmbed(l, cert, key)
	} else {
		go srv.Serve(l)
	}
	t.Cleanup(func() {
		s.mu.Lock()
		s.ended = true
		for _, u := range s.users {
			for sub := range u.subs {
				close(sub.ch)
			}
			clear(u.subs)
		}
		s.mu.Unlock()
		_ = srv.Shutdown()
	})
	return s
}

func (s *standIn) user(name string) *standInUser {
	u := s.users[name]
	if u == nil {
		u = &standInUser{id: name, subs: map[*standInSub]bool{}}
		if s.fault == "one cursor" {
			u.id = ""
		}
		s.users[name] = u
	}
	return u
}

// cursor returns the user's cursor as of a rev.
func (u *standInUser) cursor(rev int64) string { return fmt.Sprintf("%d.%s", rev, u.id) }

func (u *standInUser) counts(unread int64) string {
	return fmt.Sprintf(`{"unread":%d,"unseen":%d,"by_category":{"a\"b":%d},"rev":%d,"cursor":%q}`, unread, u.unseen, u.unread, u.rev, u.cursor(u.rev))
}

// publish adds a message, with the stand-in's fault in every tenth.
func (s *standIn) publish(name, body string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(name)
	s.nth++
	fault := ""
	if s.nth%10 == 0 {
		fault = s.fault
	}
	u.unread, u.unseen, u.rev = u.unread+1, u.unseen+1, u.rev+1
	if fault == "forgets" {
		u.unread, u.unseen, u.rev = u.unread-1, u.unseen-1, u.rev-1
	}
	unread := u.unread
	if fault == "wrong count" {
		unread++
	}
	message, _ := json.Marshal(body)
	e := standInEvent{u.rev, "message", fmt.Sprintf(`{"type":"message","cursor":%q,"message":{"id":"m%d","body":%s,"data":{"body":"no"}},"counts":%s}`, u.cursor(u.rev), s.nth, message, u.counts(unread))}
	if fault != "forgets" {
		u.history = append(u.history, e)
	}
	if fault == "loses" || fault == "forgets" {
		return s.result(u)
	}
	if fault == "swaps" && len(u.history) > 1 {
		for sub := range u.subs {
			sub.ch <- standInEvent{u.rev + 1, "message", strings.ReplaceAll(e.json, fmt.Sprintf(`"rev":%d`, u.rev), fmt.Sprintf(`"rev":%d`, u.rev+1))}
		}
	}
	for sub := range u.subs {
		if fault == "drops" {
			close(sub.ch)
			delete(u.subs, sub)
			continue
		}
		sub.ch <- e
		if fault == "doubles" {
			sub.ch <- e
		}
	}
	return s.result(u)
}

func (s *standIn) result(u *standInUser) string {
	return fmt.Sprintf(`{"id":"m%d","rev":%d,"counts":%s,"outcome":"delivered"}`, s.nth, u.rev, u.counts(u.unread))
}

type standInMessage struct {
	To struct {
		User    string `json:"user"`
		All     bool   `json:"all"`
		Topic   string `json:"topic"`
		Segment string `json:"segment"`
	} `json:"to"`
	Body string `json:"body"`
}

func (s *standIn) serve(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	var m standInMessage
	if rest, ok := strings.CutPrefix(path, "/v1/users/"); ok {
		name, what, _ := strings.Cut(rest, "/")
		s.serveUser(ctx, name, what)
		return
	}
	switch {
	case strings.HasPrefix(path, "/v1/segments/"):
	case path == "/v1/messages":
		_ = json.Unmarshal(ctx.PostBody(), &m)
		unlock := func() {}
		if s.fault != "other order" {
			s.log.Lock()
			unlock = s.log.Unlock
		}
		s.mu.Lock()
		var names []string
		for name, u := range s.users {
			if m.To.All || u.member {
				names = append(names, name)
			}
		}
		s.mu.Unlock()
		if s.fault == "forgets who is away" {
			names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "bench-stored-") })
		}
		for _, name := range names {
			s.publish(name, m.Body)
		}
		unlock()
		ctx.SetStatusCode(202)
		ctx.SetBodyString(`{"id":"b"}`)
	case path == "/v1/messages/batch":
		var out bytes.Buffer
		for line := range bytes.Lines(ctx.PostBody()) {
			_ = json.Unmarshal(line, &m)
			fmt.Fprintln(&out, s.publish(m.To.User, m.Body))
		}
		ctx.SetBody(out.Bytes())
	case strings.HasPrefix(path, "/v1/topics/"):
		s.mu.Lock()
		for sub, topic := range s.topic {
			if path == "/v1/topics/"+topic {
				sub.ch <- standInEvent{0, "topic", fmt.Sprintf(`{"type":"topic","topic":"x","payload":%q}`, ctx.PostBody())}
			}
		}
		for _, sub := range s.clients[strings.TrimPrefix(path, "/v1/topics/")] {
			_, _ = sub.Write(mqtt.AppendPublish(nil, []byte(strings.TrimPrefix(path, "/v1/topics/")), ctx.PostBody(), sub.qos, 1))
		}
		s.mu.Unlock()
		ctx.SetBodyString(`{"subscribers":1}`)
	default:
		ctx.SetStatusCode(404)
	}
}

func (s *standIn) serveUser(ctx *fasthttp.RequestCtx, name, what string) {
	if what == "" || strings.HasPrefix(what, "follows/") {
		s.mu.Lock()
		s.user(name).member = true
		s.mu.Unlock()
		return
	}
	switch what {
	case "read":
		s.mu.Lock()
		u := s.user(name)
		if u.unread > 0 {
			u.unread, u.unseen, u.rev = 0, 0, u.rev+1
			e := standInEvent{u.rev, "state", fmt.Sprintf(`{"type":"state","cursor":%q,"ids":[],"counts":%s}`, u.cursor(u.rev), u.counts(0))}
			u.history = append(u.history, e)
			for sub := range u.subs {
				sub.ch <- e
			}
		}
		ctx.SetBodyString(fmt.Sprintf(`{"rev":%d,"counts":%s}`, u.rev, u.counts(u.unread)))
		s.mu.Unlock()
	case "messages":
		if ctx.IsGet() {
			ctx.SetBodyString(`{"messages":[]}`)
			return
		}
		var m standInMessage
		_ = json.Unmarshal(ctx.PostBody(), &m)
		if s.fault == "busy" {
			ctx.SetStatusCode(503)
			ctx.SetBodyString(`{"code":"busy"}`)
			return
		}
		if s.fault == "stalls" {
			s.once.Do(func() { time.Sleep(100 * time.Millisecond) })
		}
		ctx.SetStatusCode(201)
		ctx.SetBodyString(s.publish(name, m.Body))
	case "counts":
		s.mu.Lock()
		u := s.user(name)
		body, tag := u.counts(u.unread), fmt.Sprintf("%q", u.cursor(u.rev))
		s.mu.Unlock()
		if string(ctx.Request.Header.Peek("If-None-Match")) == tag {
			ctx.SetStatusCode(304)
			return
		}
		ctx.SetBodyString(body)
	case "wait":
		s.wait(ctx, name)
	case "stream", "iframe":
		if s.fault == "mute" {
			time.Sleep(time.Second)
			return
		}
		s.stream(ctx, name, what)
	case "ws":
		sub, first := s.attach(ctx, name, "hello")
		up := websocket.FastHTTPUpgrader{Subprotocols: []string{"reddot.v1"}}
		_ = up.Upgrade(ctx, func(c *websocket.Conn) {
			defer s.detach(name, sub)
			for _, e := range first {
				_ = c.WriteMessage(websocket.TextMessage, []byte(e.json))
			}
			gone, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for {
					select {
					case <-gone:
						return
					case e, ok := <-sub.ch:
						if !ok {
							_ = c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1012, "drain"))
							return
						}
						_ = c.WriteMessage(websocket.TextMessage, []byte(e.json))
					}
				}
			}()
			for {
				_, frame, err := c.ReadMessage()
				if err != nil {
					break
				}
				var f struct{ Type, Topic string }
				if _ = json.Unmarshal(frame, &f); f.Type == "subscribe" {
					s.mu.Lock()
					s.topic[sub] = f.Topic
					s.mu.Unlock()
					sub.ch <- standInEvent{0, "ok", `{"type":"ok"}`}
				}
			}
			close(gone)
			<-done
		})
	}
}

// attach subscribes and returns what the connection begins with.
func (s *standIn) attach(ctx *fasthttp.RequestCtx, name, greeting string) (*standInSub, []standInEvent) {
	topic, after := string(ctx.QueryArgs().Peek("topic")), string(ctx.QueryArgs().Peek("after"))
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(name)
	sub := &standInSub{ch: make(chan standInEvent, 10_000)}
	if s.ended {
		close(sub.ch)
	} else {
		u.subs[sub] = true
	}
	if topic != "" {
		s.topic[sub] = topic
	}
	if after == "" {
		return sub, []standInEvent{{u.rev, "counts", fmt.Sprintf(`{"type":%q,"cursor":%q,"counts":%s}`, greeting, u.cursor(u.rev), u.counts(u.unread))}}
	}
	text, _, _ := strings.Cut(after, ".")
	from, _ := strconv.ParseInt(text, 10, 64)
	var missed []standInEvent
	if greeting == "hello" {
		missed = append(missed, standInEvent{u.rev, "hello", fmt.Sprintf(`{"type":"hello","recovered":true,"cursor":%q,"counts":%s}`, u.cursor(from), u.counts(u.unread))})
	}
	for _, e := range u.history {
		if e.rev > from { // as of now, like the real one
			before, _, _ := strings.Cut(e.json, `,"counts":`)
			e.json = before + `,"counts":` + u.counts(u.unread) + "}"
			missed = append(missed, e)
		}
	}
	return sub, missed
}

func (s *standIn) detach(name string, sub *standInSub) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.user(name).subs, sub)
	delete(s.topic, sub)
}

func (s *standIn) stream(ctx *fasthttp.RequestCtx, name, what string) {
	sub, first := s.attach(ctx, name, "counts")
	format := "id: %[1]d\nevent: %[2]s\ndata: %[3]s\n\n"
	ctx.SetContentType("text/event-stream")
	if what == "iframe" {
		ctx.SetContentType("text/html")
		format = "<script>parent.postMessage(%[3]s,\"*\")</script>\n"
	}
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.detach(name, sub)
		beat := time.NewTicker(50 * time.Millisecond)
		defer beat.Stop()
		for _, e := range first {
			fmt.Fprintf(w, format, e.rev, e.kind, e.json)
		}
		for w.Flush() == nil {
			select {
			case e, ok := <-sub.ch:
				if !ok {
					return
				}
				fmt.Fprintf(w, format, e.rev, e.kind, e.json)
			case <-beat.C:
				if what == "stream" {
					fmt.Fprint(w, ":\n\n")
				} else {
					fmt.Fprint(w, "<!-- -->\n")
				}
			}
		}
	})
}

func (s *standIn) wait(ctx *fasthttp.RequestCtx, name string) {
	sub, first := s.attach(ctx, name, "counts")
	defer s.detach(name, sub)
	var events []string
	if after := ctx.QueryArgs().Peek("after"); len(after) > 0 {
		if len(first) == 0 {
			select {
			case e := <-sub.ch:
				first = append(first, e)
			case <-time.After(300 * time.Millisecond):
				ctx.SetStatusCode(304)
				return
			}
		}
		for _, e := range first {
			events = append(events, e.json)
		}
		for len(sub.ch) > 0 {
			e := <-sub.ch
			first = append(first, e)
			events = append(events, e.json)
		}
	}
	s.mu.Lock()
	u := s.user(name)
	counts := u.counts(u.unread)
	s.mu.Unlock()
	fmt.Fprintf(ctx, `{"events":[%s],"counts":%s,"cursor":"%d"}`, strings.Join(events, ","), counts, first[len(first)-1].rev)
}
