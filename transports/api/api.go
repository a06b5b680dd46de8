package api

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/catalog"
	"reddot/actors/index"
	"reddot/actors/screening"
	"reddot/actors/templates"
	"reddot/transports"
	"reddot/transports/api/bulk"
	"reddot/transports/api/judges"
	"reddot/transports/api/paths"
	"reddot/transports/api/places"
	"reddot/transports/api/resource"
	"reddot/transports/auth"
	"reddot/transports/streams"
)

// Views are the handlers of the ways to watch a user. One that is nil is not
// served. CORS headers stand in the response when they are called.
type Views struct {
	Counts, Wait, Stream, Iframe, WebSocket streams.Handler

	// The legacy URLs.
	LegacyCount, LegacyWatch, LegacyIframe, LegacyStream, LegacyWebSocket streams.Handler

	MQTT fasthttp.RequestHandler // over WebSocket; CONNECT says who calls
}

// Topics are where messages are published for whoever is subscribed:
// *topic.Broker.
type Topics interface {
	Publish(m *actors.TopicMessage, done func(took int, err *actors.Error))
}

// Pages are the handlers of the browser's files by path: "/", "/reddot.js". A
// path that ends in "/*" stands for all paths below.
type Pages map[string]fasthttp.RequestHandler

// Revoker ends a user's tokens: *auth.Revocations.
type Revoker interface {
	Revoke(ctx context.Context, app, user string, at time.Time) error
	Lift(ctx context.Context, app, user string) error
	Since(app, user string) time.Time // up to when the user's tokens are refused; zero: none is
}

// Deps are what the API rests on.
type Deps struct {
	Router actors.Router
	Lookup actors.Lookup
	Auth   *auth.Auth
	Gate   *transports.Gate
	Budget *transports.Budget // counts answers that wait for their clients; nil: nothing does
	Keys   *auth.Keys

	Revoker   Revoker                   // nil: disconnecting ends no tokens
	Connected func(app string) []string // the users who have a connection; needed with LegacyURLs
	Ready     func() error              // why the node should get no traffic; nil: it always should
	Healthy   func() error              // why the process can only end; nil: it never says

	Cluster func(context.Context) any // what is known of the cluster, as JSON; nil: not served
	Drain   func()                    // asks the node to drain and to end; nil: not served

	Segments  *catalog.Catalog     // nil: there is no /v1/segments
	Policies  *catalog.Catalog     // by which messages are judged; nil: there are none
	Templates *templates.Templates // what messages are made of; nil: of none
	Resources []*resource.Route    // what the app has beside them, each in a room of its own
	Keywords  *screening.Lists     // what messages are screened by; nil: by nothing
	Jobs      *bulk.Jobs           // nil: there are no imports and exports of users

	Index   *index.Index                                          // finds users; nil: segments are not previewed, and users not exported
	LogHead func(ctx context.Context, app string) (uint64, error) // the position of an app's broadcast log; needed with Index

	Audit *transports.Audit // nil: nothing is written down, and /v1/audit not served

	Topics Topics // nil: there is no /v1/topics
	Views  Views
	Pages  Pages

	Log        *slog.Logger          // nil: none
	Registerer prometheus.Registerer // for the API's own metrics; nil: none
	Gatherer   prometheus.Gatherer   // what /metrics shows; nil: there is no /metrics
	Now        func() time.Time      // the wall clock; nil: time.Now
}

// An API answers HTTP requests. Make one with New.
type API struct {
	cfg       Config
	deps      Deps
	log       *slog.Logger
	now       func() time.Time
	root      *paths.Node[*route]
	watched   *paths.Node[*route] // of Operations
	deadlines *transports.Deadlines
	metrics   *metrics
	policies  *judges.Book // nil: there are none
	batches   places.Places
	counts    places.Places
	calls     sync.Pool  // *call
	lanes     sync.Pool  // *lane
	keys      sync.Mutex // held while a key is counted and made

	// Handler is for fasthttp.Server. The server must have StreamRequestBody
	// set, and should have DisablePreParseMultipartForm set: the API takes no
	// forms.
	Handler fasthttp.RequestHandler
	// Operations answers /metrics, /healthz and /readyz alone, for an address of
	// their own.
	Operations fasthttp.RequestHandler
}

// New returns an API.
func New(cfg Config, deps Deps) (*API, error) {
	cfg.fill()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	switch {
	case deps.Router == nil || deps.Lookup == nil || deps.Auth == nil || deps.Gate == nil || deps.Keys == nil:
		return nil, errors.New("api: Router, Lookup, Auth, Gate and Keys are needed")
	case cfg.LegacyURLs && deps.Connected == nil:
		return nil, errors.New("api: LegacyURLs need Connected")
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	a := &API{
		cfg:       cfg,
		deps:      deps,
		log:       deps.Log,
		now:       deps.Now,
		deadlines: transports.NewDeadlines(cfg.Deadline),
		batches:   places.Places{All: cfg.Batches, Each: cfg.AppBatches, What: "batches"},
		counts:    places.Places{All: countsAtOnce, Each: countsAtOnce, What: "counts of segments"},
	}
	if deps.Policies != nil {
		a.policies = judges.New(deps.Policies)
	}
	a.calls.New = func() any { return newCall(a) }
	watched := a.operations()
	routes := a.routes(watched)
	root, err := compile(routes)
	if err != nil {
		return nil, err
	}
	a.root = root
	if a.watched, err = compile(watched); err != nil {
		return nil, err
	}
	if a.metrics, err = newMetrics(deps.Registerer, append(watched, routes...)); err != nil {
		return nil, err
	}
	a.Handler = func(ctx *fasthttp.RequestCtx) { a.serve(ctx, a.root) }
	a.Operations = func(ctx *fasthttp.RequestCtx) { a.serve(ctx, a.watched) }
	return a, nil
}

// serve answers one request by the routes of a tree.
func (a *API) serve(ctx *fasthttp.RequestCtx, root *paths.Node[*route]) {
	c := a.calls.Get().(*call)
	c.RequestCtx = ctx
	a.metrics.inFlight.Inc()
	defer a.finish(c)
	err := a.answer(c, root)
	if err == nil {
		err = a.pace(c)
	}
	if err != nil {
		c.refuse(err)
	}
}

// pace lets a large answer wait for its client. What all clients share is not
// counted; the answer of a write, which has done its work, is counted as it is.
func (a *API) pace(c *call) error {
	if c.route == nil || c.route.shared {
		return transports.Pace(c.RequestCtx, a.cfg.WriteStall, nil)
	}
	return transports.Pace(c.RequestCtx, a.cfg.WriteStall, func() (*transports.Claim, error) {
		claim, n := c.claim(), len(c.Response.Body())
		if c.route.method != fasthttp.MethodGet {
			claim.Force(n)
			return claim, nil
		}
		if err := claim.Grow(n); err != nil {
			claim.Close()
			return nil, err
		}
		return claim, nil
	})
}

// finish counts the request and keeps a panic from ending the process: the
// same request would end every node.
func (a *API) finish(c *call) {
	what := recover()
	if what != nil {
		a.log.Error("panic in a request", "panic", what, "path", c.template(), "stack", string(debug.Stack()))
		c.refuse(&actors.Error{Code: actors.Internal, Detail: "something went wrong inside; the server's log says what"})
	}
	a.metrics.inFlight.Dec()
	a.metrics.request(c.route, c.Response.StatusCode())
	if what == nil {
		c.reset()
		a.calls.Put(c)
	}
}

// answer finds the route, lets the caller in and hands the request over.
func (a *API) answer(c *call, root *paths.Node[*route]) error {
	n, err := root.Find(c.URI().PathOriginal(), c.Method(), &c.params) // not fasthttp's own path: it would have joined segments
	if err != nil {
		return err
	}
	if n == nil {
		return &actors.Error{Code: actors.NotFound, Detail: "there is nothing at this URL"}
	}
	a.allowOrigin(c)
	if c.IsOptions() {
		transports.AnswerOptions(c.RequestCtx, n.Allow)
		return nil
	}
	r, ok := n.Route(c.Method())
	if !ok {
		return errMethod{allow: n.Allow}
	}
	c.route = r
	if err := r.query.check(c.RequestCtx); err != nil {
		return err
	}
	if err := a.admit(c, r.access); err != nil {
		return err
	}
	if err := c.checkWrite(); err != nil {
		return err
	}
	return r.handle(c)
}

// admit finds out who calls and whether the route is for them.
func (a *API) admit(c *call, access access) error {
	switch {
	case access == open:
		return nil
	case access == openPaced && c.route.parks: // MQTT, whose CONNECT says who calls
		if err := a.deps.Auth.CheckPage(c.RequestCtx, true); err != nil {
			return err
		}
		fallthrough
	case access == openPaced:
		return a.deps.Gate.Request(a.deps.Gate.Address(c.RequestCtx))
	}
	var err error
	if access&getWrites != 0 {
		c.who, err = a.deps.Auth.Writer(c.RequestCtx)
	} else {
		c.who, err = a.deps.Auth.Caller(c.RequestCtx)
	}
	if c.who == nil || c.who.IsUser() {
		if tooMany := a.deps.Gate.Request(a.deps.Gate.Address(c.RequestCtx)); tooMany != nil {
			return tooMany
		}
	}
	if err != nil {
		return err
	}
	if err := a.deps.Budget.Full(a.deps.Gate.Address(c.RequestCtx), c.who); err != nil {
		return err
	}
	return c.enter(access)
}

// allowOrigin says to a browser whether the page that asks may read the answer.
func (a *API) allowOrigin(c *call) { a.cfg.Origins.Answer(c.RequestCtx) }
