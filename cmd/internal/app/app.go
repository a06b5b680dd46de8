package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/broadcast"
	"reddot/actors/campaign"
	"reddot/actors/index"
	"reddot/actors/quota"
	"reddot/actors/retained"
	"reddot/actors/reviewed"
	"reddot/actors/rule"
	"reddot/actors/screening"
	"reddot/actors/send"
	"reddot/actors/templates"
	"reddot/actors/trace"
	"reddot/actors/user"
	"reddot/cluster"
	"reddot/cmd/internal/config"
	"reddot/transports"
	"reddot/transports/auth"
	"reddot/transports/eventloop"
	"reddot/transports/streams"
)

// An App is one server: the store, the node and the ways in.
type App struct {
	log      *slog.Logger
	level    *slog.LevelVar // what the log obeys
	registry *prometheus.Registry

	unaccepted *prometheus.CounterVec
	clockSteps *prometheus.CounterVec

	cfg         atomic.Pointer[config.Config] // what is in force
	reloading   sync.Mutex
	started     []step
	ready       atomic.Bool
	failed      chan error
	ending      atomic.Pointer[error] // why the server cannot go on; nil: it can
	store       anyStore
	keys        *auth.Keys
	audit       *transports.Audit
	templates   *templates.Templates
	revocations *auth.Revocations
	keywords    *screening.Lists
	quotas      *quota.Table
	node        *cluster.Node
	loop        *eventloop.Loop // nil where there is none
	streams     *streams.Streams
	budget      *transports.Budget
	door        *streams.Door
	traces      *trace.Node
	endUpkeep   context.CancelFunc // ends Streams.Trim and watchClock
	endWatch    context.CancelFunc
	drained     chan struct{} // closed when the server is asked to drain
	draining    sync.Once
	front       atomic.Pointer[front]
	proxyTold   sync.Once
	web         *web
	mqtt        *broker
	control     *control // nil: no embedded store
	certificate certificate
	watching    *fasthttp.Server // of Metrics.Listen
	watched     net.Addr
	profiles    *profiles
	forTests    forTests
}

// forTests is what no configuration sets.
type forTests struct {
	idle        time.Duration // until users sleep; zero: as cluster.Config has it
	descriptors int           // that the process may have; zero: as the system says
	noLoop      bool          // connections have a goroutine each, as elsewhere than on Linux
	files       vfs.FS        // what the embedded store is on

	wall     func() time.Time                // the wall clock; nil: the machine's
	listener func(net.Listener) net.Listener // stands below each listener; nil: nothing does
}

// New returns a server that is not yet started. The configuration comes from
// config.Load; level is what the log's handler obeys, so that Reload can change it.
func New(cfg config.Config, log *slog.Logger, level *slog.LevelVar) *App {
	a := &App{log: log, level: level, registry: newRegistry(), failed: make(chan error, 1),
		drained: make(chan struct{}), endWatch: func() {}, certificate: certificate{files: cfg.TLS}}
	a.unaccepted, a.clockSteps = newUnaccepted(a.registry), newClockSteps(a.registry)
	a.forTests.wall = steppedClock()
	a.cfg.Store(&cfg)
	return a
}

// A step is a part of the server that is started and stopped as one.
type step struct {
	name  string
	start func(context.Context) error
	stop  func(context.Context) error // nil: there is nothing to stop
}

// steps are the parts in the order in which they start.
func (a *App) steps() []step {
	all := []step{
		{"store", a.openStore, a.closeStore},
		{"control", a.openControl, a.closeControl},
		{"credentials", a.loadCredentials, nil},
		{"keywords", a.loadKeywords, nil},
		{"quotas", a.openQuotas, a.closeQuotas},
		{"node", a.startNode, a.stopNode},
		{"traces", a.startTraces, a.stopTraces},
		{"transports", a.openFront, a.closeFront},
	}
	if a.cfg.Load().Metrics.Listen != "" {
		all = append(all, step{"metrics", a.openOperations, a.closeOperations})
	}
	if a.cfg.Load().Pprof != "" {
		all = append(all, step{"profiles", a.openProfiles, a.closeProfiles})
	}
	if m := a.cfg.Load().MQTT; m.Listen != "" || m.ListenTLS != "" {
		all = append(all, step{"mqtt", a.listenMQTT, a.stopMQTT})
	}
	return append(all, step{"http", a.listen, a.stopListening})
}

// Start starts all parts. If one fails, those before it are stopped.
func (a *App) Start(ctx context.Context) error {
	cfg := a.cfg.Load()
	if cfg.Dev {
		a.log.Warn("this is a server for development: nobody needs a token, no limit holds for an address, a user or a rate, " +
			"pages of this machine may call, the seed's URLs are on; it listens on loopback only")
	}
	for _, advice := range cfg.Advice() {
		a.log.Warn("advice", "setting", advice)
	}
	for _, s := range a.steps() {
		began := time.Now()
		if err := s.start(ctx); err != nil {
			err = fmt.Errorf("start %s: %w", s.name, err)
			if why := a.ending.Load(); why != nil {
				err = errors.Join(err, *why)
			}
			return errors.Join(err, a.Stop(ctx))
		}
		a.started = append(a.started, s)
		a.log.Info("started", "part", s.name, "took", time.Since(began).Round(time.Microsecond))
	}
	a.ready.Store(true)
	a.log.Info("ready", "url", a.URL(), "data", cfg.Data, "database", !cfg.Store.URL.IsZero(), "dev", cfg.Dev)
	return nil
}

// Stop stops what was started, in reverse. It keeps on after an error, and
// tells all of them. When ctx ends, what is under way is cut off.
func (a *App) Stop(ctx context.Context) error {
	a.ready.Store(false)
	var errs []error
	for i := len(a.started) - 1; i >= 0; i-- {
		s := a.started[i]
		if s.stop == nil {
			continue
		}
		began := time.Now()
		if err := s.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.name, err))
		}
		a.log.Info("stopped", "part", s.name, "took", time.Since(began).Round(time.Microsecond))
	}
	a.started = nil
	return errors.Join(errs...)
}

// Failed tells why the server cannot go on, if that happens. If the store has
// failed (StoreFailed), the server ends by Abort, else by Stop.
func (a *App) Failed() <-chan error { return a.failed }

// Drained is closed when somebody with the right to it has asked the server to
// drain and to end.
func (a *App) Drained() <-chan struct{} { return a.drained }

// Drain asks whoever runs the server to stop it in good order.
func (a *App) Drain() { a.draining.Do(func() { close(a.drained) }) }

// fail reports the first reason why the server cannot go on.
func (a *App) fail(err error) {
	if a.ending.CompareAndSwap(nil, &err) {
		a.failed <- err
	}
}

// Addr returns the address that the server listens on, once it is started.
func (a *App) Addr() net.Addr { return a.web.listener.Addr() }

// URL returns where a browser finds the server, once it is started.
func (a *App) URL() string {
	scheme := "http"
	if a.cfg.Load().TLS.Cert != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(a.Addr().String())
	if err != nil {
		return scheme + "://" + a.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// errNotReady is why a node wants no traffic at its beginning and its end.
var errNotReady = errors.New("it is starting or stopping")

// Healthy tells why the process can only end.
func (a *App) Healthy() error {
	if why := a.ending.Load(); why != nil {
		return &actors.Error{Code: actors.Unavailable, Detail: "it cannot go on, and ends; its log says why", Cause: *why}
	}
	return nil
}

// Ready tells why the node should get no traffic.
func (a *App) Ready() error {
	if err := a.Healthy(); err != nil {
		return err
	}
	if !a.ready.Load() {
		return errNotReady
	}
	if err := a.store.Err(); err != nil {
		return fmt.Errorf("the store takes no writes: %w", innermost(err))
	}
	if stall := a.store.Stats().Stall; stall >= mostStall {
		return &actors.Error{Code: actors.Unavailable, Detail: fmt.Sprintf("writes stall: the store has not ended a commit for %v", stall.Round(time.Second))}
	}
	return a.node.Ready()
}

// mostStall is for how long a commit may be under way before traffic is better
// sent elsewhere.
const mostStall = 3 * time.Second

// innermost returns the error at the bottom of err that has a sentence for those
// who ask.
func innermost(err error) error {
	for under, e := err, (*actors.Error)(nil); errors.As(under, &e); under = e.Cause {
		err = e
	}
	return err
}

func (a *App) loadCredentials(ctx context.Context) error {
	var err error
	records := toldRecords{a.store, func() {
		if a.node != nil {
			a.node.NotifyChanged(credentials)
		}
	}}
	if a.keys, err = auth.LoadKeys(ctx, records, a.now); err != nil {
		return err
	}
	a.audit = newAudit(a.cfg.Load(), a.store, a.now, a.log)
	a.templates = templates.New(reviewed.Config{Now: a.now}, a.store)
	a.revocations, err = auth.LoadRevocations(ctx, records)
	return err
}

// kinds returns all kinds of actors.
func kinds(x *index.Index, q rule.Quotas) actors.Kinds {
	book := user.NewBook(actors.NewZones(time.LoadLocation).Find)
	book.Quotas = q
	return actors.Kinds{
		actors.KindUser:     user.Kind(book),
		actors.KindSend:     send.New,
		actors.KindRetained: retained.New,
		actors.KindLog:      broadcast.New,
		actors.KindCampaign: campaign.Kind(x),
	}
}

func (a *App) startNode(ctx context.Context) error {
	cfg := a.cfg.Load()
	conf, err := cfg.Node()
	if err != nil {
		return err
	}
	if conf != nil {
		conf.Settings = func() []cluster.Setting { return a.cfg.Load().Shared() } // a reload changes some
	}
	n, err := cluster.New(cluster.Config{
		Kinds:  kinds(index.New(a.store), a.quotas),
		Limits: cfg.Actors(), Idle: a.forTests.idle, Now: a.nowMilli, Log: a.log.With("part", "node"), Metrics: a.registry, Fenced: a.fenced,
		Presence: cfg.Presence, Cluster: conf, Program: Version().String(), Failed: a.fail, Changed: a.reload,
		Listen: func(ctx context.Context, addr string) (net.Listener, error) { return a.listenTCP(ctx, "links", addr) },
	}, a.store)
	if err != nil {
		return err
	}
	a.node = n
	if err := n.Start(ctx); err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return errors.Join(err, n.Stop(ctx))
	}
	a.watchCredentials()
	return nil
}

// fenced ends the server: whoever has taken its store goes on in its place.
func (a *App) fenced(f actors.Fence) {
	a.fail(fmt.Errorf("fenced out: another server has taken shard %d of this store (it had epoch %d here); this one ends, so that no count forks", f.Shard, f.Epoch))
}

func (a *App) stopNode(ctx context.Context) error {
	a.endWatch()
	return a.node.Stop(ctx)
}

// connectedTime is how long other nodes may take to say who is connected.
const connectedTime = 2 * time.Second

// connected returns the names of the app's users who have a connection.
func (a *App) connected(app string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), connectedTime)
	defer cancel()
	keys := a.node.Connected(ctx, app)
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name()
	}
	return names
}

// endRevoked ends the connections of credentials from the moment at which they
// are revoked.
func (a *App) endRevoked() {
	a.keys.OnRevoke(func(string) { a.recheck("a key was revoked") })
	a.revocations.OnRevoke(func(string, string, time.Time) { a.recheck("a user was disconnected") })
}

// stands tells whether a caller is still let in.
func (a *App) stands(p *transports.Principal) (actors.End, bool) {
	if f := a.front.Load(); f != nil {
		return f.access.Auth.StillValid(p)
	}
	return 0, true // nobody was let in yet
}

// recheck ends the connections of callers who are not let in any more.
func (a *App) recheck(why string) {
	if n := a.streams.Recheck(); n > 0 {
		a.log.Info("connections have ended whose callers are not let in any more", "connections", n, "why", why)
	}
}
