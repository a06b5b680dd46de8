package cluster

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
	"reddot/cluster/membership"
	"reddot/cluster/wire"
)

// placement is the actor that decides which shards this node owns. It alone
// changes whose a shard is, on this node; the store's fences decide it among
// the nodes.
//
// Activations do not pass through it: they are made by whoever sends, under
// the lock of the shard, so they are parallel without an actor per shard, and
// one actor can take many shards in one commit.
type placement struct {
	node    *Node
	shards  [actors.Shards]shardState
	alive   map[string]bool  // members, also those that are leaving
	reading bool             // the store is being asked
	look    bool             // and is to be asked again
	pause   time.Time        // not before then
	opened  *actors.ShardSet // since it last woke users; nil: none
}

// A shardState is what placement knows of a shard.
type shardState struct {
	owner    string // by the table
	phase    phase
	since    time.Time         // of the phase
	released map[string]uint64 // the nodes that said they have released it, and of which epoch
	gaveUp   bool              // this node had it, and has released it
	from     string            // who had the fence before; empty: nobody who may still answer
	before   uint64            // the epoch of then
	fence    actors.Fence
}

// releasedBy tells whether a node has released the shard as it held it last. It may
// have held it before, too.
func (s *shardState) releasedBy(by string, epoch uint64) bool {
	e, ok := s.released[by]
	return ok && e == epoch
}

type phase uint8

const (
	foreign    phase = iota // another node's, or nobody's
	wanted                  // this node is to own it, and has no fence yet
	waitingOut              // it has the fence; the one before it may still answer
	owned
	leaving // another node is to own it; the actors here come to an end
)

// What placement is told.
type (
	assign struct { // who the members are
		owners []string        // those among whom the shards are shared out
		alive  map[string]bool // all
	}
	suspend  struct{ why *actors.Error } // own nothing
	released struct {                    // a node has released a shard
		shard uint16
		by    string
		epoch uint64
	}
	linkUp  struct{ node string }  // there is a link to it
	retake  struct{}               // this node stood still
	emptied struct{ shard uint16 } // the last actor of a shard has gone
	fenced  struct{ fence actors.Fence }
	epochs  struct {
		present []actors.Taken
		err     error
	}
	took struct {
		taken []actors.Fence
		err   error
	}
	tick struct{} // time has gone by
)

// The pace of placement.
const (
	// handover is how long a node waits for the one before it to release a
	// shard. The store would fence that one out, at the price of some requests
	// that have to be repeated.
	handover = 3 * time.Second
	// contest is how long a node waits that was fenced out of a shard that is
	// its own by the table: the members will agree soon.
	contest   = time.Second
	takeRetry = 200 * time.Millisecond
	takeTime  = 10 * time.Second
	tickEvery = 100 * time.Millisecond
)

// Receive is the actor's table of contents.
func (p *placement) Receive(c actor.Context) {
	defer func() {
		if reason := recover(); reason != nil {
			p.node.fail(fmt.Errorf("placement panicked: %v\n%s", reason, debug.Stack()))
		}
	}()
	switch m := c.Message().(type) {
	case *assign:
		p.assign(m)
	case *suspend:
		p.suspend(m)
	case *released:
		p.released(m)
	case *linkUp:
		p.linkUp(m.node)
	case *retake:
		p.retake()
	case *emptied:
		p.emptied(m.shard)
	case *fenced:
		p.fenced(m.fence)
	case *epochs:
		p.read(m)
	case *took:
		p.took(m)
	case *tick:
		p.tick()
	}
}

// assign shares the shards out among the nodes.
func (p *placement) assign(m *assign) {
	n := p.node
	p.alive = m.alive
	moved := 0
	for i := range p.shards {
		shard, s := uint16(i), &p.shards[i]
		to := ownerOf(shard, m.owners)
		if to == s.owner {
			continue
		}
		s.owner = to
		moved++
		n.reattach.soon(shard)
		if to == n.cfg.Name {
			p.want(shard, time.Time{})
		} else {
			p.giveUp(shard, nil)
		}
	}
	if moved > 0 {
		n.cfg.Log.Info("shards assigned", "nodes", len(m.owners), "moved", moved)
	}
	p.ask()
}

// want makes the shard one that this node is to own, not before a moment.
func (p *placement) want(shard uint16, not time.Time) {
	s := &p.shards[shard]
	if s.phase == owned || s.phase == waitingOut {
		return
	}
	s.phase, s.since = wanted, time.Now()
	if !not.IsZero() {
		s.since = not
	}
	p.node.dir.parts[shard].set(s.owner, false, nil)
	p.look = true
}

// giveUp makes the shard another node's: nobody is woken any more, the actors
// end, and then the other node is told.
func (p *placement) giveUp(shard uint16, refuse *actors.Error) {
	n, s := p.node, &p.shards[shard]
	had := s.phase
	part := &n.dir.parts[shard]
	part.set(s.owner, false, refuse) // before the fence goes: nobody is woken without one
	n.fences[shard].Store(0)
	switch had {
	case owned, leaving:
		s.phase = leaving
		list := part.all()
		for _, a := range list {
			a.proc.SendUserMessage(a.pid, &actors.Move{})
		}
		if len(list) == 0 {
			p.emptied(shard)
		}
	case waitingOut:
		s.phase, s.gaveUp = foreign, true
		p.sendReleased(shard)
	default:
		if s.phase = foreign; s.gaveUp {
			p.sendReleased(shard) // the one who knows it may be dead
		}
	}
	n.flush(shard)
}

// emptied tells the new owner of a shard that nobody here writes to it.
func (p *placement) emptied(shard uint16) {
	n, s := p.node, &p.shards[shard]
	if s.phase != leaving || len(n.dir.parts[shard].all()) > 0 {
		return
	}
	s.phase, s.gaveUp = foreign, true
	p.sendReleased(shard)
}

// sendReleased tells the owner of a shard that nobody here writes to it.
func (p *placement) sendReleased(shard uint16) {
	s := &p.shards[shard]
	if q := p.node.peers.get(s.owner); q != nil {
		if b, err := (&wire.WireShard{Shard: uint32(shard), Epoch: s.fence.Epoch}).MarshalVT(); err == nil {
			q.send(&wire.Frame{Type: wire.FrameType_FRAME_RELEASED, Body: b}) // unsent: it is told with the next link
		}
	}
}

// linkUp tells a node that can be reached again what it may take.
func (p *placement) linkUp(name string) {
	for i := range p.shards {
		if s := &p.shards[i]; s.owner == name && s.phase == foreign && s.gaveUp {
			p.sendReleased(uint16(i))
		}
	}
}

// suspend gives all shards up without another owner.
func (p *placement) suspend(m *suspend) {
	for i := range p.shards {
		p.shards[i].owner = ""
		p.giveUp(uint16(i), m.why)
	}
}

func (p *placement) released(m *released) {
	s := &p.shards[m.shard]
	if s.released == nil {
		s.released = map[string]uint64{}
	}
	s.released[m.by] = max(s.released[m.by], m.epoch)
	switch s.phase {
	case wanted:
		p.look = true
		p.ask()
	case waitingOut:
		if s.from == m.by && s.before == m.epoch {
			s.from = ""
			p.openIfFree(m.shard, time.Now())
		}
	}
}

// fenced is told that another node holds a shard that this one wrote to.
func (p *placement) fenced(f actors.Fence) {
	n, s := p.node, &p.shards[f.Shard]
	if held, ok := n.fences.of(f.Shard); !ok || held != f || s.phase != owned {
		return // it has been given up, or taken again
	}
	n.metrics.Fenced.Inc()
	n.cfg.Log.Warn("another node has taken a shard of this one", "shard", f.Shard, "epoch", f.Epoch)
	p.lose(f.Shard)
	if s.owner == n.cfg.Name {
		p.want(f.Shard, time.Now().Add(contest))
	}
}

// retake takes no shard for this node's that it does not take again.
func (p *placement) retake() {
	for i := range p.shards {
		if shard := uint16(i); p.shards[i].phase == owned || p.shards[i].phase == waitingOut {
			p.lose(shard)
			p.want(shard, time.Time{})
		}
	}
	p.ask()
}

// lose ends the actors of a shard without another owner.
func (p *placement) lose(shard uint16) {
	n, s := p.node, &p.shards[shard]
	s.phase = foreign
	part := &n.dir.parts[shard]
	part.set(s.owner, false, nil)
	n.fences[shard].Store(0)
	for _, a := range part.all() {
		a.proc.SendUserMessage(a.pid, &actors.Move{})
	}
}

// tick looks after what has waited.
func (p *placement) tick() {
	now := time.Now()
	for i := range p.shards {
		s := &p.shards[i]
		switch {
		case s.phase == wanted && now.After(s.since):
			p.look = true
		case s.phase == waitingOut:
			p.openIfFree(uint16(i), now)
		}
	}
	p.wakeFollowers()
	p.ask()
}

// ask reads the fences, if there are shards to be taken.
func (p *placement) ask() {
	if !p.look || p.reading || time.Now().Before(p.pause) {
		return
	}
	p.look, p.reading = false, true
	n := p.node
	n.spawn(func() {
		ctx, cancel := context.WithTimeout(context.Background(), takeTime)
		defer cancel()
		present, err := n.store.Epochs(ctx)
		n.place.send(&epochs{present, err})
	})
}

// read takes those of the wanted shards that nobody is still handing over.
func (p *placement) read(m *epochs) {
	n := p.node
	if m.err != nil {
		p.failed("read the epochs", m.err)
		return
	}
	var present [actors.Shards]actors.Taken
	for _, t := range m.present {
		present[t.Shard] = t
	}
	var from []actors.Fence
	now := time.Now()
	for i := range p.shards {
		s := &p.shards[i]
		if s.phase != wanted || now.Before(s.since) {
			continue
		}
		holder, epoch := present[i].Owner, present[i].Epoch
		if holder != "" && holder != n.cfg.Name && p.alive[holder] && !s.releasedBy(holder, epoch) && now.Sub(s.since) < handover && n.membership.HandsOver(holder) {
			continue
		}
		if s.from, s.before = holder, epoch; holder == n.cfg.Name || s.releasedBy(holder, epoch) {
			s.from = ""
		}
		from = append(from, actors.Fence{Shard: uint16(i), Epoch: epoch})
	}
	if len(from) == 0 {
		p.reading = false
		return
	}
	n.spawn(func() {
		ctx, cancel := context.WithTimeout(context.Background(), takeTime)
		defer cancel()
		taken, err := n.store.Take(ctx, n.cfg.Name, from)
		n.place.send(&took{taken, err})
	})
}

// failed tries again later.
func (p *placement) failed(what string, err error) {
	p.reading, p.look, p.pause = false, true, time.Now().Add(takeRetry)
	p.node.cfg.Log.Error("shards can't be taken now", "what", what, "err", err)
}

// took opens the shards that this node has got.
func (p *placement) took(m *took) {
	n := p.node
	if m.err != nil {
		p.failed("take", m.err)
		return
	}
	p.reading = false
	now, rest := time.Now(), false
	mine := &actors.ShardSet{}
	for _, f := range m.taken {
		s := &p.shards[f.Shard]
		if s.phase != wanted {
			s.gaveUp, s.fence = true, f // given up meanwhile
			p.sendReleased(f.Shard)
			continue
		}
		s.phase, s.since, s.released, s.gaveUp, s.fence = waitingOut, now, nil, false, f
		p.openIfFree(f.Shard, now)
		rest = rest || s.phase == waitingOut
		mine.Add(f.Shard)
	}
	if rest {
		n.spawn(n.membership.Look)
	}
	if len(m.taken) > 0 {
		n.cfg.Log.Info("shards taken", "shards", len(m.taken))
		n.wakeFollowers(mine)
	}
	p.ask()
}

// openIfFree opens a shard that this node has got, if the one before it answers no
// more: it has released it, its process is dead, or what the store last confirmed to
// it holds no more.
func (p *placement) openIfFree(shard uint16, now time.Time) {
	n, s := p.node, &p.shards[shard]
	if s.from != "" && now.Sub(s.since) < membership.Lease && !n.membership.HasLetGo(s.from, s.since) {
		return
	}
	s.phase = owned
	n.logs.Doubt() // before the first of its users wakes up
	n.fences.set(s.fence)
	n.dir.parts[shard].set(n.cfg.Name, true, nil)
	n.flush(shard)
	if p.opened == nil {
		p.opened = &actors.ShardSet{}
	}
	p.opened.Add(shard)
}

// wakeFollowers wakes those users of the shards that were opened whose sessions a crash
// may have left open.
func (p *placement) wakeFollowers() {
	if p.opened != nil {
		p.node.wakeFollowers(p.opened)
		p.node.wakeOnline(p.opened)
		p.opened = nil
	}
}
