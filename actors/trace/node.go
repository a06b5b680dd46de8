package trace

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"reddot/actors"
)

// A Bus is the live publish and subscribe of all nodes.
type Bus interface {
	// Publish gives what is published to all who follow the topic, at most once. It must not
	// be called in a turn of an actor.
	Publish(topic string, payload []byte)
	// Follow calls fn with what is published to the topic, here or elsewhere, until stop is
	// called. fn must not block, nor publish, nor keep the payload.
	Follow(topic string, fn func(payload []byte)) (stop func())
}

// Config is what a Node rests on.
type Config struct {
	Name   string // of the node
	Bus    Bus
	Traces *actors.Traces // of the node
}

// The bounds of traces.
const (
	MaxTime   = 10 * time.Minute // of a trace
	MaxOpen   = 8                // that are read on a node
	maxKnown  = 8 * MaxOpen      // that a node takes part in
	maxEvents = 1000             // a second, of a trace on a node, and of a trace where it is read
	maxWait   = 256 << 10        // bytes of a trace that wait on a node to be sent
	maxBatch  = 32 << 10         // bytes that are sent at once
	maxLine   = 8 << 10          // bytes of an event
	pause     = 50 * time.Millisecond
	renewal   = time.Second
	lease     = 4 * renewal
)

// The topics of the bus.
const (
	orders  = "orders"
	reports = "reports/"
)

// An order opens, renews or ends a trace.
type order struct {
	ID    string `json:"id"`
	Close bool   `json:"close,omitempty"`
	Filter
}

// Node is what traces need of a node. It is safe for concurrent use.
type Node struct {
	cfg    Config
	follow func() // stops it

	mu     sync.Mutex
	watch  map[string]*watch   // by the id of the trace
	open   map[string]*Reading // likewise
	armed  bool                // flush is to come
	closed bool
}

// A watch is a trace that the node takes part in.
type watch struct {
	match
	until   time.Time
	wait    []byte    // lines
	sent    uint64    // lines before those
	told    time.Time // when something was sent last
	dropped uint64
	pace    pace
}

// A pace counts the events of a second.
type pace struct {
	since time.Time
	n     int
}

// allows tells whether there is room for one more.
func (p *pace) allows(now time.Time) bool {
	if now.Sub(p.since) >= time.Second {
		p.since, p.n = now, 0
	}
	p.n++
	return p.n <= maxEvents
}

// New returns the traces of a node, which takes part in those of others from now on.
func New(cfg Config) *Node {
	n := &Node{cfg: cfg, watch: map[string]*watch{}, open: map[string]*Reading{}}
	n.follow = cfg.Bus.Follow(orders, n.ordered)
	return n
}

// Close ends all traces that are read here. It may come twice.
func (n *Node) Close() {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	n.closed = true
	list := make([]*Reading, 0, len(n.open))
	for _, r := range n.open {
		list = append(list, r)
	}
	n.watch = map[string]*watch{}
	n.cfg.Traces.Set(nil)
	n.mu.Unlock()
	n.follow()
	for _, r := range list {
		r.finish("drain")
	}
}

// ordered takes in what another node, or this one, says of a trace.
func (n *Node) ordered(payload []byte) {
	var o order
	if json.Unmarshal(payload, &o) != nil {
		return // a newer program's
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.watch[o.ID]
	switch {
	case n.closed:
	case o.Close:
		delete(n.watch, o.ID)
		n.settle()
	case w != nil:
		w.until = time.Now().Add(lease)
	case len(n.watch) < maxKnown:
		w = &watch{match: match{Filter: o.Filter}, until: time.Now().Add(lease)}
		n.watch[o.ID] = w
		w.append([]byte(`{"type":"tracing","node":` + strconv.Quote(n.cfg.Name) + `}`))
		n.settle()
		n.arm()
	}
}

// settle lets the node be told what happens as long as somebody traces. mu is held.
func (n *Node) settle() {
	if len(n.watch) == 0 {
		n.cfg.Traces.Set(nil)
		return
	}
	n.cfg.Traces.Set(n)
}

// Wants implements actors.Tracer.
func (n *Node) Wants(h *actors.Happening) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	wants := false
	for _, w := range n.watch {
		wants = w.wants(h) || wants // each learns
	}
	return wants
}

// Tell implements actors.Tracer.
func (n *Node) Tell(h *actors.Happening) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var line []byte
	for _, w := range n.watch {
		if !w.wants(h) {
			continue
		}
		if line == nil {
			line = n.line(h)
		}
		if !w.pace.allows(time.Now()) || len(w.wait)+len(line) > maxWait {
			w.dropped++
		} else {
			w.append(line)
		}
		n.arm()
	}
}

func (w *watch) append(line []byte) { w.wait = append(append(w.wait, line...), '\n') }

// line returns a happening as a JSON object.
func (n *Node) line(h *actors.Happening) []byte {
	b := actors.AppendString([]byte(`{"type":`), h.What)
	b = actors.AppendTime(append(b, `,"at":`...), h.At)
	b = actors.AppendString(append(b, `,"node":`...), n.cfg.Name)
	for _, m := range [...]struct{ name, value string }{{`,"user":`, h.User}, {`,"topic":`, h.Topic}, {`,"campaign":`, h.Campaign}} {
		if m.value != "" {
			b = actors.AppendString(append(b, m.name...), m.value)
		}
	}
	if len(b)+len(h.Body) > maxLine {
		return append(b, `,"cut":true}`...)
	}
	return append(append(b, h.Body...), '}')
}

// arm lets what waits be sent in a while. mu is held.
func (n *Node) arm() {
	if !n.armed {
		n.armed = true
		time.AfterFunc(pause, n.flush)
	}
}

// A report is a batch on its way.
type report struct {
	topic   string
	payload []byte
}

// flush sends what waits, and forgets traces that nobody reads any more.
func (n *Node) flush() {
	var list []report
	n.mu.Lock()
	for id, w := range n.watch {
		if time.Now().After(w.until) {
			delete(n.watch, id)
			continue
		}
		for len(w.wait) > 0 || time.Since(w.told) >= renewal { // so that it is seen what was lost
			list = append(list, report{reports + id, w.take(n.cfg.Name)})
		}
	}
	n.settle()
	n.armed = false
	if len(n.watch) > 0 {
		n.armed = true
		time.AfterFunc(pause, n.flush)
	}
	n.mu.Unlock()
	for _, r := range list {
		n.cfg.Bus.Publish(r.topic, r.payload)
	}
}

// A head is the first line of a batch. By the numbers its reader sees what was lost.
type head struct {
	Node    string `json:"node"`
	Before  uint64 `json:"before"`  // lines that were sent before
	Dropped uint64 `json:"dropped"` // so far
}

// take returns the next batch.
func (w *watch) take(node string) []byte {
	b, err := json.Marshal(head{node, w.sent, w.dropped})
	if err != nil {
		panic(err) // strings and numbers marshal
	}
	b = append(b, '\n')
	lines := uint(0)
	for len(w.wait) > 0 {
		end := bytes.IndexByte(w.wait, '\n') + 1
		if lines > 0 && len(b)+end > maxBatch {
			break
		}
		b = append(b, w.wait[:end]...)
		w.wait = w.wait[end:]
		lines++
	}
	if len(w.wait) == 0 {
		w.wait = nil
	}
	w.sent += uint64(lines)
	w.told = time.Now()
	return b
}
