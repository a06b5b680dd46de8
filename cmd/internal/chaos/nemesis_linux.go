package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"reddot/cmd/internal/chaos/judge"
)

// A nemesis does one fault after the other.
type nemesis struct {
	world *world
	rng   *rand.Rand
	ctx   context.Context
	done  map[string]int
	errs  []error

	faults []fault
	began  time.Time
	losses []judge.Loss
	kept   map[string]bool // messages that a promoted replica has
}

// A fault happens to a server and is over when it returns.
type fault struct {
	name string
	do   func(n *nemesis, victim int)
}

var faults = []fault{
	{"kill", (*nemesis).kill},
	{"kill two", (*nemesis).killTwo},
	{"freeze", (*nemesis).freeze},
	{"cut off", (*nemesis).isolate},
	{"cut a pair", (*nemesis).pair},
	{"cut one way", (*nemesis).oneWay},
	{"cut from the database", (*nemesis).cutDatabase},
	{"delay and lose", (*nemesis).degrade},
	{"stall links", (*nemesis).stall},
	{"link port silent", (*nemesis).silent},
	{"clock step", (*nemesis).clockStep},
	{"drain", (*nemesis).drain},
	{"add and drain", (*nemesis).add},
	{"restart the database", (*nemesis).database},
	{"kill with the database", (*nemesis).both},
	{"disk full", (*nemesis).diskFull},
}

// inject injects faults until late.
func (n *nemesis) inject(late time.Time) {
	order := n.rng.Perm(len(n.faults))
	for i := 0; time.Now().Before(late) && n.ctx.Err() == nil; i++ {
		// All kinds come before one comes again.
		if i == len(order) {
			i, order = 0, n.rng.Perm(len(n.faults))
		}
		f := n.faults[order[i]]
		victim := n.world.any(n.rng)
		n.world.say("%s (server %d)", f.name, victim)
		n.done[f.name]++
		f.do(n, victim)
		n.rest(200, 2500)
	}
}

// rest lets time go by.
func (n *nemesis) rest(least, most int) {
	time.Sleep(time.Duration(least+n.rng.IntN(most-least)) * time.Millisecond)
}

func (n *nemesis) must(err error) {
	if err != nil {
		n.errs = append(n.errs, fmt.Errorf("the nemesis: %w", err))
	}
}

// others returns the running servers but one.
func (n *nemesis) others(i int) (list []int) {
	for _, o := range n.world.running() {
		if o != i {
			list = append(list, o)
		}
	}
	return list
}

func (n *nemesis) other(i int) int {
	list := n.others(i)
	if len(list) == 0 {
		return i
	}
	return list[n.rng.IntN(len(list))]
}

func (n *nemesis) kill(v int) {
	n.world.kill(v)
	n.rest(0, 2000)
	n.must(n.world.start(v))
}

func (n *nemesis) killTwo(v int) {
	o := n.other(v)
	n.world.kill(v)
	n.rest(0, 300)
	n.world.kill(o)
	n.rest(0, 4000)
	n.must(n.world.start(v))
	n.rest(0, 300)
	n.must(n.world.start(o))
}

func (n *nemesis) freeze(v int) {
	n.world.freeze(v)
	n.rest(300, 8000)
	n.world.unfreeze(v)
}

func (n *nemesis) isolate(v int) {
	for _, o := range n.others(v) {
		n.must(cut(v, o))
		n.must(cut(o, v))
	}
	n.rest(1000, 10000)
	n.healAll()
}

func (n *nemesis) healAll() {
	for i := 1; i <= mostNodes; i++ {
		n.must(heal(i))
	}
}

func (n *nemesis) pair(v int) {
	o := n.other(v)
	n.must(cut(v, o))
	n.must(cut(o, v))
	n.rest(1000, 8000)
	n.healAll()
}

func (n *nemesis) oneWay(v int) {
	targets := []int{n.other(v)}
	if n.rng.IntN(2) == 0 {
		targets = n.others(v)
	}
	for _, o := range targets {
		n.must(cut(v, o))
	}
	n.rest(1000, 8000)
	n.healAll()
}

func (n *nemesis) cutDatabase(v int) {
	n.must(cut(v, database))
	n.rest(500, 8000)
	n.healAll()
}

// each calls fn with the conditions between a server, or all, and the others.
func (n *nemesis) each(v int, fn func(*conditions)) {
	r := n.world.relay
	for i := range r.conditions {
		fn(&r.conditions[i][v])
		fn(&r.conditions[v][i])
	}
}

func (n *nemesis) degrade(v int) {
	delay := time.Duration(n.rng.IntN(120)) * time.Millisecond
	loss := int64(n.rng.IntN(150))
	n.each(v, func(w *conditions) {
		w.delay.Store(int64(delay))
		w.jitter.Store(int64(delay/2) + 1)
		w.loss.Store(loss)
	})
	n.rest(2000, 8000)
	n.each(v, (*conditions).clear)
}

func (n *nemesis) stall(v int) {
	o := n.other(v)
	r := n.world.relay
	r.conditions[v][o].stalled.Store(true)
	both := n.rng.IntN(2) == 0
	if both {
		r.conditions[o][v].stalled.Store(true)
	}
	n.rest(1000, 9000)
	r.conditions[v][o].stalled.Store(false)
	r.conditions[o][v].stalled.Store(false)
}

func (n *nemesis) drain(v int) {
	n.world.drain(v)
	n.rest(0, 1500)
	n.must(n.world.start(v))
}

// add starts a further server, lets it work for a while, and drains it.
func (n *nemesis) add(int) {
	extra := n.world.cfg.Nodes + 1
	if extra > mostNodes {
		return
	}
	n.must(n.world.start(extra))
	n.rest(2000, 5000)
	n.world.drain(extra)
}

func (n *nemesis) database(int) {
	end := n.world.db.Kill
	if n.rng.IntN(2) == 0 {
		end = n.world.db.Stop
	}
	n.must(end())
	n.rest(0, 4000)
	ctx, cancel := context.WithTimeout(n.ctx, time.Minute)
	defer cancel()
	n.must(n.world.db.Restart(ctx))
}

func (n *nemesis) both(v int) {
	n.world.kill(v)
	n.database(v)
	n.must(n.world.start(v))
}

// summary tells how often what happened.
func (n *nemesis) summary() string {
	var parts []string
	for _, f := range n.faults {
		parts = append(parts, fmt.Sprintf("%s %d", f.name, n.done[f.name]))
	}
	return strings.Join(parts, ", ")
}
