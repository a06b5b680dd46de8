package load

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"reddot/cmd/internal/load/http1"
	"reddot/cmd/internal/load/mqtt"
	"reddot/cmd/internal/load/report"
)

// A scenario is a script, and what it can't do.
type scenario struct {
	script func(ctx context.Context, w *worker) error
	check  func(c *Config) (field, msg string)
	floor  bool // the floor can play the server
	cursor bool // connections go on from their cursors, which MQTT's do not
}

// scenarios is the table of what can be run.
var scenarios = map[string]scenario{
	"unicast":   {script: unicast, floor: true},
	"durable":   {script: durable, floor: true},
	"idle":      {script: idle, floor: true},
	"broadcast": {script: broadcast, check: checkBroadcast, floor: true},
	"storm":     {script: storm, check: checkStorm, cursor: true},
	"slow":      {script: slow, check: checkSlow, cursor: true},
	"mixed":     {script: mixed, check: checkMixed, cursor: true},
}

// Scenarios returns the names of what can be run.
func Scenarios() []string {
	names := make([]string, 0, len(scenarios))
	for name := range scenarios {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Run measures as the Config says: it writes a table or JSON lines to out, and
// once a second where it is to progress. The error says that a run could not be
// carried out; what is wrong with the server stands in the Report (Report.Err).
func Run(ctx context.Context, cfg Config, out, progress io.Writer) (report.Report, error) {
	cfg.URLs, cfg.Sources = slices.Clone(cfg.URLs), slices.Clone(cfg.Sources)
	cfg.fill()
	if err := cfg.check(); err != nil {
		return report.Report{}, err
	}
	var all report.Report
	var stored *crowd
	if cfg.Stored > 0 {
		stored = newCrowd(&cfg)
	}
	for n := range cfg.Runs {
		take := func(r report.Result, of string, err error) error {
			if err != nil {
				return fmt.Errorf("run %d: %s%w", n+1, of, err)
			}
			r.Run = n + 1
			all.Results = append(all.Results, r)
			if cfg.JSON {
				return json.NewEncoder(out).Encode(r)
			}
			r.Write(out)
			return nil
		}
		if cfg.Floor {
			r, err := runFloor(ctx, cfg, progress)
			if err = take(r, "floor: ", err); err != nil {
				return all, err
			}
		}
		if cfg.Rival != "" {
			r, err := runRival(ctx, cfg, progress)
			if err = take(r, "rival: ", err); err != nil {
				return all, err
			}
		}
		r, err := runOnce(ctx, cfg, stored, progress)
		if err = take(r, "", err); err != nil {
			return all, err
		}
	}
	if !cfg.JSON && len(all.Results) > 1 {
		all.WriteSummary(out)
	}
	return all, nil
}

// A bench is one measured run.
type bench struct {
	cfg        Config
	system     string
	run        string // in the stamps
	prefix     string
	topic      string // where messages go to live topics
	each       bool   // each user has one of its own, below topic
	stateless  bool   // the floor keeps no counts
	perUser    int64  // revs that a broadcast adds to each user
	start      time.Time
	targets    []http1.Target
	broker     string // the address of MQTT
	sources    []netip.Addr
	secure     *tls.Config
	window     window
	crowd      *crowd // nil: nobody is stored besides
	agreed     sequence
	broadcasts atomic.Int64 // accepted
	live       []live
	barrier    barrier

	mu       sync.Mutex // guards what follows, and progress
	progress io.Writer
	before   report.Reading // before the connections
	with     report.Reading // with them
	first    report.Reading // when measuring began
	last     report.Reading
	own      [2]report.Reading // of this process, likewise
	failure  error
	took     int64              // nanoseconds measured
	more     map[string]float64 // figures of the scenario
}

// live is what the progress shows of one worker.
type live struct{ sent, accepted, delivered, faults, errors, up atomic.Uint64 }

func (l *live) set(t *tally, up int) {
	var errors uint64
	for _, n := range t.errors {
		errors += n
	}
	l.sent.Store(t.sent)
	l.accepted.Store(t.accepted)
	l.delivered.Store(t.delivered)
	l.faults.Store(t.lost + t.doubled + t.disordered + t.wrong + t.misdirected)
	l.errors.Store(errors)
	l.up.Store(uint64(up))
}

func newBench(cfg Config, system string, progress io.Writer) (*bench, error) {
	b := &bench{cfg: cfg, system: system, progress: progress, start: time.Now(), live: make([]live, cfg.Workers), more: map[string]float64{}}
	b.run = fmt.Sprintf("%08x", rand.Uint32())
	if b.prefix = cfg.Prefix; b.prefix == "" {
		b.prefix = "bench-" + b.run + "-"
	}
	b.barrier.parties = cfg.Workers
	if cfg.Scenario == "broadcast" {
		b.perUser = 1
		b.window.size, b.window.total = cfg.Window, int64(cfg.hearers()*cfg.Connections)
	}
	if cfg.Topics {
		b.topic, b.each = "bench-"+b.run, cfg.onePerUser()
	}
	urls := cfg.URLs
	if !cfg.speaksHTTP() {
		urls = nil
	}
	for _, raw := range urls {
		t, err := http1.ParseTarget(raw)
		if err != nil {
			return nil, err
		}
		if t.TLS {
			b.secure = &tls.Config{InsecureSkipVerify: cfg.Insecure} //nolint:gosec // G402: asked for by name
		} else if t.Addr, err = resolve(t.Addr); err != nil {
			return nil, err
		}
		b.targets = append(b.targets, t)
	}
	if b.secure != nil && slices.ContainsFunc(b.targets, func(t http1.Target) bool { return !t.TLS }) {
		return nil, fmt.Errorf("%w: URLs: http and https at once", ErrConfig)
	}
	if cfg.Transport == MQTT || cfg.PublishBy == "mqtt" {
		var err error
		if b.broker, err = mqtt.Address(cfg.Broker); err != nil {
			return nil, err
		}
		if b.broker, err = resolve(b.broker); err != nil {
			return nil, err
		}
	}
	for _, s := range cfg.Sources {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, err
		}
		b.sources = append(b.sources, a)
	}
	return b, nil
}

// resolve turns the host name in an address into a number, and sees that somebody
// listens there.
func resolve(addr string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return "", fmt.Errorf("connect to %s: %w", addr, err)
	}
	defer conn.Close()
	return conn.RemoteAddr().String(), nil
}

// target returns the server of the nth connection; nil where none needs HTTP.
func (b *bench) target(n int) *http1.Target {
	if len(b.targets) == 0 {
		return nil
	}
	return &b.targets[n%len(b.targets)]
}

// source returns the address that the nth connection comes from.
func (b *bench) source(n int) netip.Addr {
	if len(b.sources) == 0 {
		return netip.Addr{}
	}
	return b.sources[n%len(b.sources)]
}

// limit returns the rev up to which no message can have fallen out of an inbox,
// by number or by size.
func (b *bench) limit() int64 {
	return min(int64(b.cfg.InboxLimit), 3<<20/int64(b.cfg.BodySize+256))
}

// runOnce measures the server once.
func runOnce(ctx context.Context, cfg Config, stored *crowd, progress io.Writer) (report.Result, error) {
	b, err := newBench(cfg, "server", progress)
	if err != nil {
		return report.Result{}, err
	}
	b.crowd = stored
	return b.measure(ctx)
}

// measure runs the script on every worker and gathers what they saw.
func (b *bench) measure(ctx context.Context) (report.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.read(&b.before)
	workers := make([]*worker, b.cfg.Workers)
	for i := range workers {
		w, err := newWorker(b, i)
		if err != nil {
			return report.Result{}, err
		}
		defer func() { _ = w.p.Close() }()
		workers[i] = w
	}
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		b.show(ctx)
	}()
	errs := make([]error, len(workers))
	var wg sync.WaitGroup
	for i, w := range workers {
		wg.Go(func() {
			errs[i] = scenarios[b.cfg.Scenario].script(ctx, w)
			if errs[i] != nil {
				cancel()
			}
			b.barrier.leave()
		})
	}
	wg.Wait()
	cancel()
	<-shown
	errs = append(errs, b.failure)
	slices.SortStableFunc(errs, func(x, y error) int { // the cause, not who was cancelled
		return cancelled(x) - cancelled(y)
	})
	for _, err := range errs {
		if err != nil {
			return report.Result{}, err
		}
	}
	return b.result(workers), nil
}

func cancelled(err error) int {
	if errors.Is(err, context.Canceled) {
		return 1
	}
	return 0
}

// show writes the progress each second.
func (b *bench) show(ctx context.Context) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	var was [6]uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		var now [6]uint64
		for i := range b.live {
			l := &b.live[i]
			for k, v := range []*atomic.Uint64{&l.sent, &l.accepted, &l.delivered, &l.faults, &l.errors, &l.up} {
				now[k] += v.Load()
			}
		}
		b.say(fmt.Sprintf("%d/s sent, %d/s answered, %d/s delivered; %d connections, %d faults, %d errors",
			now[0]-was[0], now[1]-was[1], now[2]-was[2], now[5], now[3], now[4]))
		was = now
	}
}

// say writes a line of progress.
func (b *bench) say(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(b.progress, "%6.1fs %s %s: %s\n", time.Since(b.start).Seconds(), b.system, b.cfg.Scenario, line)
}

// read takes a reading of the servers' processes, if they are known.
func (b *bench) read(r *report.Reading) {
	if len(b.cfg.PIDs) == 0 {
		return
	}
	v, err := report.ReadProcesses(b.cfg.PIDs)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && b.failure == nil {
		b.failure = err
	}
	*r = v
}

// measureConnected takes the reading with all connections open.
func (b *bench) measureConnected(w *worker) {
	b.barrier.wait(w.now)
	if w.id == 0 {
		b.read(&b.with)
	}
}

// elapsed says how long the measured time was, where that is not the
// Config's duration; the longest of the workers' counts.
func (b *bench) elapsed(ns int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.took = max(b.took, ns)
}

// note keeps the highest of a scenario's figure; add sums it up.
func (b *bench) note(name string, v float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.more[name] = max(b.more[name], v)
}

func (b *bench) add(name string, v float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.more[name] += v
}

func (b *bench) measureStart() {
	b.read(&b.first)
	b.own[0], _ = report.ReadProcess(os.Getpid())
}

func (b *bench) measureEnd() {
	b.read(&b.last)
	b.own[1], _ = report.ReadProcess(os.Getpid())
}

// A barrier is where workers wait for each other. One that has left is not
// waited for.
type barrier struct {
	mu      sync.Mutex
	parties int
	arrived int
	at      int64
	open    chan struct{}
}

// wait returns when all are here, to all with the same time.
func (m *barrier) wait(now func() int64) int64 {
	m.mu.Lock()
	if m.open == nil {
		m.open = make(chan struct{})
	}
	m.arrived++
	open := m.open
	m.at = now()
	m.release()
	m.mu.Unlock()
	<-open
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

func (m *barrier) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parties--
	m.release()
}

// release lets all go on if nobody is missing; the lock is held.
func (m *barrier) release() {
	if m.arrived > 0 && m.arrived >= m.parties {
		close(m.open)
		m.open, m.arrived = nil, 0
	}
}
