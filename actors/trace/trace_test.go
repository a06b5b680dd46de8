package trace_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/trace"
)

// bus is one for several nodes, which loses what it is told to.
type bus struct {
	mu   sync.Mutex
	fns  map[string]map[int]func([]byte)
	n    int
	lose func(topic string, payload []byte) bool
}

func (b *bus) Publish(topic string, payload []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lose != nil && b.lose(topic, payload) {
		return
	}
	for _, fn := range b.fns[topic] {
		fn(payload)
	}
}

func (b *bus) Follow(topic string, fn func([]byte)) func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fns == nil {
		b.fns = map[string]map[int]func([]byte){}
	}
	if b.fns[topic] == nil {
		b.fns[topic] = map[int]func([]byte){}
	}
	b.n++
	n := b.n
	b.fns[topic][n] = fn
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.fns[topic], n)
	}
}

type node struct {
	*trace.Node
	traces *actors.Traces
}

func start(t *testing.T, b *bus, name string) node {
	n := node{traces: &actors.Traces{}}
	n.Node = trace.New(trace.Config{Name: name, Bus: b, Traces: n.traces})
	t.Cleanup(n.Close)
	return n
}

// happen tells of something, as an actor does.
func (n node) happen(h actors.Happening) {
	t := n.traces.On()
	if t == nil || !t.Wants(&h) {
		return
	}
	t.Tell(&h)
}

// until reads until ok says so, and returns the lines but those that say which nodes trace.
func until(t *testing.T, r *trace.Reading, what string, ok func(lines []map[string]any) bool) (list []map[string]any) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		lines, over := r.Next(10 * time.Millisecond)
		for line := range strings.Lines(string(lines)) {
			var x map[string]any
			if err := json.Unmarshal([]byte(line), &x); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			list = append(list, x)
		}
		if ok(list) {
			return list
		}
		if over {
			break
		}
	}
	t.Fatalf("%s: not in time; got %v", what, list)
	return nil
}

func count(list []map[string]any, kind string) (n int) {
	for _, x := range list {
		if x["type"] == kind {
			n++
		}
	}
	return n
}

func open(t *testing.T, n node, f trace.Filter, lasts time.Duration, nodes int) *trace.Reading {
	t.Helper()
	f.App = "a"
	r, err := n.Open(f, lasts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	until(t, r, "all nodes trace", func(l []map[string]any) bool { return count(l, "tracing") == nodes })
	return r
}

// TestFilters: a trace tells of what it is for, on whichever node it happens, and of nothing
// else.
func TestFilters(t *testing.T) {
	id, other := actors.NewID(), actors.NewID()
	all := []actors.Happening{
		{What: "1", App: "a", User: "alice", Messages: []actors.ID{id}, Campaign: "spring"},
		{What: "2", App: "b", User: "alice", Messages: []actors.ID{id}, Campaign: "spring", Topic: "news/x", Connections: []uint64{7}},
		{What: "3", App: "a", User: "bob", Messages: []actors.ID{other, id}},
		{What: "4", App: "a", User: "bob", Connections: []uint64{6, 7}},
		{What: "5", App: "a", Topic: "news/x", Messages: []actors.ID{other}},
		{What: "6", App: "a", Topic: "old", Messages: []actors.ID{other}},
		{What: "7", App: "a", User: "carol"},
	}
	for name, c := range map[string]struct {
		filter trace.Filter
		want   string
	}{
		"user":          {trace.Filter{User: "alice"}, "1"},
		"connection":    {trace.Filter{Connection: 7}, "4"},
		"message":       {trace.Filter{Message: id}, "13"},
		"topic":         {trace.Filter{Topic: "news/#"}, "56"}, // 6 is about a message that was published to it
		"campaign":      {trace.Filter{Campaign: "spring"}, "13"},
		"nobody":        {trace.Filter{User: "dan"}, ""},
		"private topic": {trace.Filter{Topic: "#"}, "56"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bus{}
			here, there := start(t, b, "here"), start(t, b, "there")
			r := open(t, here, c.filter, time.Minute, 2)
			for _, h := range all {
				there.happen(h)
			}
			last := actors.Happening{What: "last", App: "a", User: c.filter.User, Connections: []uint64{c.filter.Connection}, Messages: []actors.ID{c.filter.Message},
				Topic: "news/last", Campaign: c.filter.Campaign}
			there.happen(last)
			got := ""
			for _, x := range until(t, r, "the last", func(l []map[string]any) bool { return count(l, "last") > 0 }) {
				if kind := x["type"].(string); len(kind) == 1 {
					got += kind
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestBounds: a trace tells of a thousand events a second at most, and counts the others.
func TestBounds(t *testing.T) {
	b := &bus{}
	n := start(t, b, "here")
	r := open(t, n, trace.Filter{User: "alice"}, time.Minute, 1)
	const all = 5000
	begin := time.Now()
	for range all {
		n.happen(actors.Happening{What: "x", App: "a", User: "alice", Body: fmt.Appendf(nil, `,"seq":%q`, strings.Repeat("x", 100))})
	}
	seconds := int(time.Since(begin).Seconds()) + 1
	dropped := 0
	list := until(t, r, "all are told or counted", func(l []map[string]any) bool {
		dropped = 0
		for _, x := range l {
			if x["type"] == "dropped" {
				dropped += int(x["events"].(float64))
			}
		}
		return count(l, "x")+dropped == all
	})
	if told := count(list, "x"); told > 1000*(seconds+1) || told < 500 {
		t.Errorf("%d events were told within %d s, and %d dropped", told, seconds, dropped)
	}
}

// TestLarge: of an event that is too large its head is told, and what waits has a bound.
func TestLarge(t *testing.T) {
	b := &bus{}
	n := start(t, b, "here")
	r := open(t, n, trace.Filter{User: "alice"}, time.Minute, 1)
	n.happen(actors.Happening{What: "x", App: "a", User: "alice", Body: fmt.Appendf(nil, `,"ids":%q`, strings.Repeat("x", 100<<10))})
	for range 200 {
		n.happen(actors.Happening{What: "y", App: "a", User: "alice", Body: fmt.Appendf(nil, `,"ids":%q`, strings.Repeat("y", 7<<10))})
	}
	list := until(t, r, "what was dropped is said", func(l []map[string]any) bool { return count(l, "dropped") > 0 && count(l, "x") > 0 })
	for _, x := range list {
		if x["type"] == "x" && x["cut"] != true {
			t.Errorf("got %v", x)
		}
	}
}

// TestLost: what is lost on its way is counted.
func TestLost(t *testing.T) {
	b := &bus{}
	n := start(t, b, "here")
	r := open(t, n, trace.Filter{User: "alice"}, time.Minute, 1)
	b.mu.Lock()
	lost := 0
	b.lose = func(topic string, payload []byte) bool {
		lost += strings.Count(string(payload), `"type":"x"`)
		return strings.HasPrefix(topic, "reports/")
	}
	b.mu.Unlock()
	for range 7 {
		n.happen(actors.Happening{What: "x", App: "a", User: "alice"})
	}
	for b.mu.Lock(); lost < 7; b.mu.Lock() {
		b.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	b.lose = nil
	b.mu.Unlock()
	until(t, r, "seven are missed", func(l []map[string]any) bool {
		n := 0.0
		for _, x := range l {
			if x["type"] == "dropped" {
				n += x["events"].(float64)
			}
		}
		return n == 7
	})
}

// TestEnds: a trace ends by itself, and a node forgets one that it hears of no more.
func TestEnds(t *testing.T) {
	b := &bus{}
	n, other := start(t, b, "here"), start(t, b, "there")
	if n.traces.On() != nil {
		t.Error("somebody is told, and nobody traces")
	}
	r := open(t, n, trace.Filter{User: "alice"}, 300*time.Millisecond, 2)
	list := until(t, r, "it ends", func(l []map[string]any) bool { return count(l, "end") > 0 })
	if end := list[len(list)-1]; end["why"] != "time" {
		t.Errorf("got %v", end)
	}
	r.Close()
	r.Close()
	if n.traces.On() != nil || other.traces.On() != nil {
		t.Error("somebody is told behind the end")
	}
	r = open(t, n, trace.Filter{User: "alice"}, time.Minute, 2)
	n.Close()
	if list := until(t, r, "it ends", func(l []map[string]any) bool { return count(l, "end") > 0 }); list[len(list)-1]["why"] != "drain" {
		t.Errorf("got %v", list)
	}
	b.mu.Lock()
	b.lose = func(string, []byte) bool { return true }
	b.mu.Unlock()
	for end := time.Now().Add(20 * time.Second); other.traces.On() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a trace is not forgotten that nobody reads")
		}
	}
	if _, err := n.Open(trace.Filter{App: "a", User: "x"}, time.Minute); actors.AsError(err).Code != actors.Unavailable {
		t.Errorf("got %v", err)
	}
}

// TestMany: only so many traces are read at a time.
func TestMany(t *testing.T) {
	n := start(t, &bus{}, "here")
	var all []*trace.Reading
	for range trace.MaxOpen {
		all = append(all, open(t, n, trace.Filter{User: "alice"}, time.Minute, 1))
	}
	if _, err := n.Open(trace.Filter{App: "a", User: "alice"}, time.Minute); actors.AsError(err).Code != actors.TooMany {
		t.Errorf("got %v", err)
	}
	all[0].Close()
	open(t, n, trace.Filter{User: "alice"}, time.Minute, 1)
}

// BenchmarkNobody is what a thing that happens costs while nobody traces.
func BenchmarkNobody(b *testing.B) {
	traces := &actors.Traces{}
	b.ReportAllocs()
	for b.Loop() {
		if traces.On() != nil {
			b.Fatal("somebody traces")
		}
	}
}

// BenchmarkAnother is what it costs while another user is traced.
func BenchmarkAnother(b *testing.B) {
	n := node{traces: &actors.Traces{}}
	n.Node = trace.New(trace.Config{Name: "here", Bus: &bus{}, Traces: n.traces})
	defer n.Close()
	r, err := n.Open(trace.Filter{App: "a", User: "bob"}, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.ReportAllocs()
	for b.Loop() {
		n.happen(actors.Happening{App: "a", User: "alice"})
	}
}
