package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"reddot/actors"
)

// maxUnread is how many bytes of events wait for who reads a trace.
const maxUnread = 512 << 10

// A Reading is a trace that is read on this node.
type Reading struct {
	node   *Node
	order  order
	follow func() // stops it
	end    time.Time

	mu      sync.Mutex
	news    chan struct{} // something has come
	wait    []byte        // lines
	sources map[string]*source
	pace    pace
	events  uint64
	dropped uint64
	said    uint64 // of dropped
	why     string // it ended; empty: it has not
}

// A source is what a node has sent so far.
type source struct {
	next    uint64 // line
	dropped uint64
}

// Open begins a trace, which ends after a while by itself. Close is to be called behind it.
func (n *Node) Open(f Filter, lasts time.Duration) (*Reading, error) {
	r := &Reading{
		node: n, order: order{ID: actors.NewID().String(), Filter: f}, end: time.Now().Add(min(lasts, MaxTime)),
		news: make(chan struct{}, 1), sources: map[string]*source{},
	}
	n.mu.Lock()
	switch {
	case n.closed:
		n.mu.Unlock()
		return nil, actors.Errorf(actors.Unavailable, "this server is stopping")
	case len(n.open) >= MaxOpen:
		n.mu.Unlock()
		return nil, actors.Errorf(actors.TooMany, "there are %d traces on this server, and no more may be", MaxOpen)
	}
	n.open[r.order.ID] = r
	n.mu.Unlock()
	r.follow = n.cfg.Bus.Follow(reports+r.order.ID, r.take)
	r.renew()
	return r, nil
}

// Close ends the trace. It may come twice.
func (r *Reading) Close() {
	r.finish("closed")
	r.node.mu.Lock()
	_, open := r.node.open[r.order.ID]
	delete(r.node.open, r.order.ID)
	r.node.mu.Unlock()
	if !open {
		return
	}
	r.follow()
	r.tell(true)
}

// renew tells all nodes of the trace, as long as it lasts.
func (r *Reading) renew() {
	r.mu.Lock()
	over := r.why != ""
	r.mu.Unlock()
	if over {
		return
	}
	r.tell(false)
	time.AfterFunc(renewal, r.renew)
}

func (r *Reading) tell(over bool) {
	o := r.order
	o.Close = over
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings and numbers marshal
	}
	r.node.cfg.Bus.Publish(orders, b)
}

// take takes in a batch.
func (r *Reading) take(payload []byte) {
	first, lines, _ := bytes.Cut(payload, []byte{'\n'})
	var h head
	if json.Unmarshal(first, &h) != nil {
		return // a newer program's
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sources[h.Node]
	if s == nil {
		if len(r.sources) > maxKnown*MaxOpen {
			return
		}
		s = &source{}
		r.sources[h.Node] = s
	}
	if h.Before < s.next { // it was started anew
		*s = source{}
	}
	r.dropped += h.Before - s.next + h.Dropped - min(s.dropped, h.Dropped)
	*s = source{h.Before, h.Dropped}
	for line := range bytes.Lines(lines) {
		s.next++
		if !r.pace.allows(time.Now()) || len(r.wait)+len(line) > maxUnread {
			r.dropped++
			continue
		}
		r.wait = append(r.wait, line...)
		r.events++
	}
	r.wake()
}

// wake lets Next look. mu is held.
func (r *Reading) wake() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// finish says why the trace has ended.
func (r *Reading) finish(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why == "" {
		r.why = why
	}
	r.wake()
}

// Next returns what has happened, a JSON object a line, which begins with its type; nothing
// after a wait in which nothing did. over says that the last line is that of the end. What was
// dropped is said by a line of its own.
func (r *Reading) Next(wait time.Duration) (lines []byte, over bool) {
	late := time.NewTimer(min(wait, max(0, time.Until(r.end))))
	defer late.Stop()
	select {
	case <-r.news:
	case <-late.C:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	lines, r.wait = r.wait, nil
	if r.dropped > r.said {
		lines = fmt.Appendf(lines, `{"type":"dropped","events":%d}`+"\n", r.dropped-r.said)
		r.said = r.dropped
	}
	if r.why == "" && !time.Now().Before(r.end) {
		r.why = "time"
	}
	if r.why != "" {
		lines = fmt.Appendf(lines, `{"type":"end","why":%q,"events":%d,"dropped":%d}`+"\n", r.why, r.events, r.dropped)
	}
	return lines, r.why != ""
}

// End lets the trace end, and says why.
func (r *Reading) End(why string) { r.finish(why) }
