package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"reddot/cmd/internal/chaos/judge"
	"reddot/cmd/internal/chaos/screen"
)

// run does a run, inside.
func run(ctx context.Context, cfg Config, out io.Writer) error {
	began := time.Now()
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "%7.2fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	say("seed %d: %s with %d servers for %v", cfg.Seed, cfg.Mode, cfg.Nodes, cfg.For)
	w, err := newWorld(ctx, cfg, say)
	if err != nil {
		return err
	}
	defer func() { _ = w.db.Close() }()
	for i := 1; i <= cfg.Nodes; i++ {
		if err := w.start(i); err != nil {
			return err
		}
	}
	if err := w.settle(ctx); err != nil {
		return fmt.Errorf("at the start: %w", err)
	}
	say("all servers are ready")
	switch cfg.Mode {
	case Pauses:
		return errors.Join(pauses(ctx, w), w.stop())
	case Calm:
		return runCalm(ctx, w, began)
	}
	return storm(ctx, w, began)
}

// callPause is a caller's pause between operations: the faults, not the load,
// are to be what is hard.
const callPause = 30 * time.Millisecond

// newCrowd starts callers and clients.
func newCrowd(ctx context.Context, w *world, began time.Time) (*crowd, error) {
	c := &crowd{stop: make(chan struct{}), over: make(chan struct{}), air: &air{}, began: began}
	for i := range w.cfg.Users {
		c.users = append(c.users, &log{h: judge.UserHistory{User: fmt.Sprintf("user-%d", i)}})
	}
	for i := range w.cfg.Clients {
		o := newClient(w, i, c.users[i%len(c.users)].h.User, began)
		l := c.users[i%len(c.users)]
		l.h.Views = append(l.h.Views, o.view)
		c.clients = append(c.clients, o)
		c.watching.Go(func() { o.reconnect(c.over) })
	}
	for i := range c.users {
		l := c.users[i]
		d, err := newDevice(ctx, w, i, l.h.User, began)
		if err != nil {
			return nil, err
		}
		l.h.Devices = append(l.h.Devices, d.view)
		c.devices = append(c.devices, d)
		c.watching.Go(func() { d.live(c.over) })
	}
	for i := range w.cfg.Callers {
		c.callers = append(c.callers, newCaller(w, i, c.users, c.air, began, callPause))
	}
	if w.cfg.Mode != Lost {
		c.callers[0].save()
		c.planner = newPlanner(w, began)
		c.calling.Go(func() { c.planner.live(c.stop) })
		c.importer = newImporter(w)
		c.calling.Go(func() { c.importer.live(c.stop) })
	}
	for _, o := range c.callers {
		c.calling.Go(func() { o.call(c.stop) })
	}
	return c, nil
}

// storm lets faults happen under load, and judges what was seen.
func storm(ctx context.Context, w *world, began time.Time) error {
	c, err := newCrowd(ctx, w, began)
	if err != nil {
		return err
	}
	n := &nemesis{world: w, rng: rand.New(rand.NewPCG(w.cfg.Seed, 1)), ctx: ctx, done: make(map[string]int), faults: faults, began: began}
	if w.cfg.Mode == Lost {
		n.faults = lossFaults
	}
	n.inject(time.Now().Add(w.cfg.For))
	errs := n.errs
	w.say("no more faults")
	errs = append(errs, w.settle(ctx))
	close(c.stop)
	c.calling.Wait()
	if w.cfg.Mode != Lost {
		c.callers[0].preview(true)
		errs = append(errs, c.pass(ctx, w))
	}
	c.deliver(n.losses)
	errs = append(errs, c.watched(ctx, w, n.rng))
	close(c.over)
	c.watching.Wait()
	errs = append(errs, c.absent(ctx, w))
	heard, err := c.finish(ctx, w)
	errs = append(errs, err)
	w.say("judging")
	if heard != nil {
		errs = append(errs, judge.CheckLog(heard)...)
	}
	if c.planner != nil {
		errs = append(errs, c.planner.judge(ctx)...)
	}
	if c.importer != nil {
		errs = append(errs, judge.CheckImports(c.importer.imports)...)
	}
	for _, l := range c.users {
		var wrong []error
		if w.cfg.Mode == Lost && len(n.losses) > 0 {
			wrong = judge.CheckLoss(&l.h, n.losses)
		} else {
			wrong = judge.Check(&l.h, time.Minute)
		}
		if len(wrong) > 0 && w.cfg.Keep != "" {
			errs = append(errs, keepHistory(w.cfg.Keep, &l.h))
		}
		errs = append(errs, wrong...)
	}
	for _, o := range c.callers {
		errs = append(errs, o.faults...)
	}
	errs = append(errs, w.stop())
	errs = append(errs, c.tell(w, n))
	if err := first(errs, 40); err != nil {
		return err
	}
	w.say("passed: seed %d", w.cfg.Seed)
	return nil
}

// keepHistory writes a history down, for whoever looks for the cause of what is wrong in it.
func keepHistory(dir string, h *judge.UserHistory) error {
	raw, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, h.User+".json"), raw, 0o600)
}

// deliver waits until the devices have all that they are to get, for a while.
func (c *crowd) deliver(losses []judge.Loss) {
	lost := func(id string) bool {
		return slices.ContainsFunc(losses, func(l judge.Loss) bool { return l.Lost[id] })
	}
	for i, d := range c.devices {
		var ids []string
		since := d.since()
		ids = append(ids, c.air.acked(since)...)
		for _, op := range c.users[i].h.Ops {
			if op.Kind == judge.Publish && op.Answered && op.Call > since && op.Label.Stays() && !lost(op.ID) {
				ids = append(ids, op.ID)
			}
		}
		for late := time.Now().Add(20 * time.Second); !d.got(ids) && time.Now().Before(late); {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// first joins the first errors of a list.
func first(errs []error, most int) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if more := len(errs) - most; more > 0 {
		errs = append(errs[:most:most], fmt.Errorf("and %d more", more))
	}
	return errors.Join(errs...)
}

// finish lets clients catch up, and reads the truth: by each server, and by one
// that has begun when all others had ended.
func (c *crowd) finish(ctx context.Context, w *world) (*judge.LogHistory, error) {
	servers := w.running()
	last := make([]screen.Counts, len(c.users))
	for u, l := range c.users {
		for _, i := range servers {
			if err := w.getUntil(ctx, i, "/v1/users/"+l.h.User+"/counts", &last[u]); err != nil {
				return nil, err
			}
			l.h.Finals = append(l.h.Finals, tally(last[u]))
		}
	}
	var wait sync.WaitGroup
	for i, o := range c.clients {
		wait.Go(func() { o.catchUp(servers, last[i%len(c.users)].Rev) })
	}
	wait.Wait()
	w.say("a fresh server reads the journal")
	if err := w.stop(); err != nil {
		return nil, err
	}
	if err := w.start(1); err != nil {
		return nil, err
	}
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	heard, err := c.air.history(ctx, w)
	if err != nil {
		return nil, err
	}
	c.members = make(map[string][]string)
	for _, name := range judge.Lists {
		if c.members[name], err = w.members(ctx, name); err != nil {
			return nil, err
		}
	}
	if c.importer != nil {
		if err := c.importer.finish(ctx, w); err != nil {
			return nil, err
		}
	}
	for _, l := range c.users {
		l.h.Log = heard
		if err := c.readFinal(ctx, w, l); err != nil {
			return nil, err
		}
	}
	return heard, nil
}

// tell says what a run has shown; an error if that is nothing.
func (c *crowd) tell(w *world, n *nemesis) error {
	answered, slowest := c.answered()
	says := make(map[judge.LogKind]int)
	for _, op := range c.air.ops {
		says[op.Change]++
	}
	used, codes := make(map[string]int), make(map[string]int)
	unknown := 0
	for _, l := range c.users {
		for _, v := range l.h.Views {
			for _, g := range v.Observations {
				used[g.Transport]++
			}
		}
		for _, d := range l.h.Devices {
			used["mqtt"] += len(d.IDs)
		}
		for _, op := range l.h.Ops {
			if !op.Answered {
				unknown++
			}
		}
	}
	for _, o := range c.callers {
		for k, v := range o.codes {
			codes[k] += v
		}
	}
	w.say("%d operations answered, the slowest after %v; %d with an unknown outcome; refusals %v; events %v", answered, slowest.Round(time.Millisecond), unknown, codes, used)
	shown := c.shown()
	w.say("broadcasts: %v; %v", says, shown)
	w.say("faults: %s", n.summary())
	var errs []error
	for what, n := range shown {
		if n == 0 && what != resumed && w.cfg.Mode != Lost && w.cfg.For >= 30*time.Second {
			errs = append(errs, fmt.Errorf("%s: the run has shown nothing of them", what))
		}
	}
	if w.cfg.Mode != Lost && (says[judge.Published] == 0 || says[judge.Edited] == 0 || says[judge.Retracted] == 0) {
		errs = append(errs, fmt.Errorf("broadcasts: %v: the run has shown nothing of them", says))
	}
	for _, t := range append([]string{"mqtt"}, transports...) {
		if used[t] == 0 {
			errs = append(errs, fmt.Errorf("nothing came by %s: the run has shown nothing of it", t))
		}
	}
	if answered < 100 {
		errs = append(errs, fmt.Errorf("%d operations were answered: the run has shown nothing", answered))
	}
	return errors.Join(errs...)
}

// resumed names what chance decides: an import that a fault has broken off.
const resumed = "resumed imports"

// shown tells how often what happened that a short run need not have.
func (c *crowd) shown() map[string]int {
	n := map[string]int{"segments": 0, "lists": 0, "collapsed": 0, "expired": 0, "previews": len(c.air.previews), "imports": 0, resumed: 0}
	if c.importer == nil {
		return n
	}
	for _, op := range c.air.ops {
		if op.Segment != "" {
			n["segments"]++
		}
		if op.List != "" {
			n["lists"]++
		}
	}
	for _, l := range c.users {
		for _, e := range l.h.Journal {
			n["collapsed"] += len(e.Replaced)
			if e.Kind == "expired" {
				n["expired"] += len(e.IDs)
			}
		}
	}
	for _, im := range c.importer.imports {
		n["imports"]++
		n[resumed] += im.Resumed - 1
	}
	return n
}
