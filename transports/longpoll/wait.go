package longpoll

import (
	"context"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/streams"
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
}

func (c Config) withDefaults() Config {
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.Timeout, 25 * time.Second}, {&c.MaxTimeout, time.Minute}, {&c.Answer, 5 * time.Second}} {
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
	deps streams.Deps
}

// New returns the handlers of long polls.
func New(cfg Config, deps streams.Deps) *Waits { return &Waits{cfg.withDefaults(), deps} }

// Handle is a streams.Handler: it answers as soon as there is news after
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
	case timeout == 0 || ctx.IsHead():
		w.ask(ctx, user, &actors.Replay{After: *after, Limit: maxEvents}, writeAnswer)
	default:
		w.park(ctx, caller, user, wait{after: *after, format: Format{}, timeout: timeout, media: "application/json"})
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

// wait is how a request waits.
type wait struct {
	after   actors.Cursor
	format  actors.Format
	timeout time.Duration
	media   string
}

// park answers when there is news. The request's goroutine does not wait.
func (w *Waits) park(ctx *fasthttp.RequestCtx, caller *transports.Principal, user actors.Key, p wait) {
	place, err := w.deps.Streams.Admit(ctx, "longpoll", caller, user)
	if err != nil {
		transports.WriteProblem(ctx, err)
		return
	}
	keep := w.deps.Streams.Keeps(ctx)
	fields := transports.AppendRouted(nil, ctx)
	if !keep {
		fields = append(fields, "Connection: close\r\n"...)
	}
	after := p.after // all that is kept of p
	place.Hijack(ctx, streams.Opening{
		Protocol: &parked{media: p.media, fields: fields},
		Format:   p.format, After: &after,
		Answer: true, Timeout: p.timeout, Keep: keep,
	})
}
