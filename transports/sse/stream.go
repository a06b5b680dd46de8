package sse

import (
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/streams"
)

// fields of a stream's head. X-Accel-Buffering tells nginx to pass events on
// at once, and no-transform tells others not to compress: they would hold events
// back until a block is full.
const fields = "Content-Type: text/event-stream\r\n" +
	"Cache-Control: no-store, no-transform\r\n" +
	"X-Accel-Buffering: no\r\n" +
	"X-Content-Type-Options: nosniff\r\n" +
	"Connection: close\r\n"

// opening is the first bytes of a stream's body: when to come back after a cut,
// in milliseconds.
const opening = "retry: 3000\n\n"

// Streams serves GET …/stream, and is the protocol of all its connections.
type Streams struct {
	deps   streams.Deps
	banned banned
}

var _ streams.Protocol = (*Streams)(nil)

// New returns the handlers of event streams.
func New(deps streams.Deps) *Streams { return &Streams{deps: deps} }

// Handle is a streams.Handler: it answers with the user's events for as
// long as the client listens.
func (s *Streams) Handle(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key) {
	var filters []string
	for _, f := range ctx.QueryArgs().PeekMulti("topic") {
		filters = append(filters, string(f))
	}
	if len(filters) == 0 {
		s.stream(ctx, caller, user, Format{}, s)
		return
	}
	if _, err := streams.CheckFilters(&s.deps, caller, user.Name(), filters); err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	s.stream(ctx, caller, user, Format{}, &listening{Streams: s, filters: filters, topics: streams.NewSubscriber(&s.deps, nil, topicForm)})
}

func (s *Streams) stream(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key, f actors.Format, p streams.Protocol) {
	if ctx.IsHead() {
		transports.AnswerHead(ctx, fields)
		return
	}
	who := banKey{user, caller.ID}
	if returns(ctx) && s.banned.has(who, time.Now()) {
		ctx.SetStatusCode(fasthttp.StatusNoContent)
		return
	}
	after, err := transports.LastEventID(ctx)
	if err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	place, err := s.deps.Streams.Admit(ctx, "sse", caller, user)
	if err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	head := append(transports.AppendHead(nil, ctx, fields), opening...)
	place.Hijack(ctx, streams.Opening{Head: head, Format: f, After: after, Protocol: p})
}

// Receive implements streams.Protocol: what the client sends means nothing.
func (s *Streams) Receive(socket *streams.Socket, _ []byte) bool { return streams.Listen(socket) }

// AppendEnd implements streams.Protocol.
func (s *Streams) AppendEnd(b []byte, socket *streams.Socket, why actors.End, _ bool) []byte {
	if why == actors.EndForbidden || why == actors.EndDisconnected {
		s.banned.add(banKey{socket.Key(), socket.Caller().ID}, time.Now())
	}
	return appendEnd(b, why, streams.DrainPause())
}

// returns tells whether a browser connects again by itself: only then it says
// what it has got last. A page that is opened anew has nothing.
func returns(ctx *fasthttp.RequestCtx) bool { return len(transports.LastID(ctx)) > 0 }
