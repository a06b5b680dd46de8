package longpoll

import (
	"context"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// Config bounds the waiting.
type Config struct {
	// Timeout is how long a request that does not say is parked. Zero: 25 s.
	Timeout time.Duration
	// MaxTimeout is how long a request is parked at most. Zero: 60 s.
	MaxTimeout time.Duration
	// Answer is how long the user's actor may take to say where the user
	// stands. Zero: 5 s.
	Answer time.Duration
	// Look is how often a parked request's connection is looked at, to notice a
	// client that has gone. Zero: 2 s.
	Look time.Duration
}

func (c Config) withDefaults() Config {
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.Timeout, 25 * time.Second}, {&c.MaxTimeout, time.Minute}, {&c.Answer, 5 * time.Second}, {&c.Look, 2 * time.Second}} {
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	return c
}

// maxEvents is the most events of one answer.
const maxEvents = 100

// Waits serves GET …/wait.
type Waits struct {
	cfg  Config
	deps transports.Deps
}

// New returns the handlers of long polls.
func New(cfg Config, deps transports.Deps) *Waits { return &Waits{cfg.withDefaults(), deps} }

// Handle is a transports.Handler: it answers as soon as there is news after
// ?after=, or 304 after ?timeout= seconds. Without a cursor it answers at once
// with where the user stands.
func (w *Waits) Handle(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key) {
	timeout, err := transports.Timeout(ctx, w.cfg.Timeout, w.cfg.MaxTimeout)
	if err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	after, err := transports.After(ctx)
	switch {
	case err != nil:
		transports.WriteProblem(ctx, err)
	case after == nil:
		w.ask(ctx, user, &actors.Counts{}, writeAnswer)
	case timeout == 0:
		w.ask(ctx, user, &actors.Replay{After: *after, Limit: maxEvents}, writeAnswer)
	default:
		w.park(ctx, caller, user, parked{after: *after, format: Format{}, timeout: timeout, media: "application/json"})
	}
}

// writeAnswer answers with what was asked for, or 304 if that is nothing.
func writeAnswer(ctx *fasthttp.RequestCtx, r *actors.Request) {
	if _, asked := r.Command.(*actors.Counts); !asked && len(r.Answer.Body) == 0 {
		ctx.SetStatusCode(fasthttp.StatusNotModified)
		return
	}
	ctx.SetContentType("application/json")
	ctx.SetBody(appendAnswer(nil, r.Answer.Body, &r.Answer))
}

// ask calls write with the answered request, or tells the client why there is
// no answer.
func (w *Waits) ask(ctx *fasthttp.RequestCtx, user actors.Key, c actors.Command, write func(*fasthttp.RequestCtx, *actors.Request)) {
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	r := actors.NewRequest(user, c)
	deadline, cancel := context.WithTimeout(context.Background(), w.cfg.Answer)
	defer cancel()
	if err := w.deps.Router.Ask(deadline, r); err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	write(ctx, r)
	r.Release()
}

// parked is a request that waits.
type parked struct {
	after   actors.Cursor
	format  actors.Format
	timeout time.Duration
	media   string
}

// park answers when there is news.
func (w *Waits) park(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key, p parked) {
	place, err := w.deps.Streams.Admit(ctx, "longpoll", caller, user)
	if err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	defer place.Leave()
	s := newSink()
	a := place.Attachment()
	a.Format, a.Sink, a.After, a.Once = p.format, s, &p.after, true
	c := actors.NewConn(a)
	w.deps.Hub.Attach(c)
	place.Park(c)
	o := w.wait(ctx, s, p.timeout)
	c.Close(actors.EndGone)
	write(ctx, o, p.media)
}

// wait waits for the outcome. EndGone stands for none in time.
func (w *Waits) wait(ctx *fasthttp.RequestCtx, s *sink, timeout time.Duration) outcome {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	look := time.NewTicker(w.cfg.Look)
	defer look.Stop()
	for {
		select {
		case o := <-s.done:
			return o
		case <-timer.C:
			s.End(actors.EndGone)
			return <-s.done // news may have come at the last moment
		case <-look.C:
			if transports.Gone(ctx.Conn()) {
				s.End(actors.EndGone)
			}
		}
	}
}

// write answers with the outcome.
func write(ctx *fasthttp.RequestCtx, o outcome, media string) {
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	switch {
	case o.body != nil:
		ctx.SetContentType(media)
		ctx.Response.SetBodyRaw(o.body)
	case o.why == actors.EndGone:
		ctx.SetStatusCode(fasthttp.StatusNotModified)
	default:
		transports.WriteProblem(ctx, problem(o.why))
	}
}

// problem says why there is no answer.
func problem(why actors.End) error {
	switch why {
	case actors.EndDrain:
		return &actors.Error{Code: actors.Unavailable, RetryAfter: time.Second,
			Detail: "this node is going down; ask again, and reach another"}
	case actors.EndTooMany:
		return actors.Errorf(actors.TooMany, "the user has too many connections")
	case actors.EndToken:
		return actors.Errorf(actors.Unauthorized, "the token has expired")
	case actors.EndForbidden, actors.EndDisconnected:
		return actors.Errorf(actors.Forbidden, "the connection was ended; do not come back")
	default:
		return actors.Errorf(actors.Unavailable, "the wait was cut short; ask again with the same cursor")
	}
}
