package user_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
)

// A quietSink takes what a connection is sent and keeps nothing but its length.
type quietSink struct{ got atomic.Uint32 }

// Send implements actors.Sink.
func (s *quietSink) Send(frames []byte) (int, error) {
	s.got.Add(uint32(len(frames)))
	return 0, nil
}

// End implements actors.Sink.
func (*quietSink) End(actors.End) {}

// quietFormat writes nothing but the counts.
type quietFormat struct{}

var quietForm = actors.NewForm()

// Form implements actors.Format.
func (quietFormat) Form() actors.Form { return quietForm }

// AppendPush implements actors.Format.
func (quietFormat) AppendPush(b []byte, p *actors.Push) []byte {
	return append(b, strings.Repeat("x", len(p.Events))...)
}

// AppendBeat implements actors.Format.
func (quietFormat) AppendBeat(b []byte) []byte { return b }

// dozingBytes is how many bytes of memory a dozing user and its connection take at most, with
// what the test's node keeps of both.
const dozingBytes = 1900

// TestDozingSize connects users, who have a message and a tenant's, and lets them doze.
func TestDozingSize(t *testing.T) {
	const users = 3000
	j, clock := actorstest.NewJournal(), actorstest.NewClock()
	var loads atomic.Int32
	node := actorstest.NewNode(t, j, clock, actors.Limits{}, func(n *actorstest.Node) {
		load := n.Home.Load
		n.Home.Load = func(job func()) {
			loads.Add(1)
			load(job)
		}
	})
	t.Cleanup(func() {
		node.Stop()
		j.Close()
	})
	name := func(i int) string { return fmt.Sprint("user", i) }
	for i := range users {
		for _, tenant := range []string{"", "acme"} {
			id := actors.NewID()
			m := &actors.Message{Id: id[:], Category: "a", Tenant: tenant, CreatedAt: clock.Now(), Content: []byte(`"title":"x"`)}
			if err := node.Ask(t.Context(), actors.NewRequest(userKey(name(i)), &actors.Publish{Message: m})); err != nil {
				t.Fatal(err)
			}
		}
		node.Send(userKey(name(i)), &actors.Passivate{})
	}
	j.Flush()
	before := heap()
	sinks := make([]quietSink, users)
	for i := range users {
		node.Connect(actors.Attachment{Key: userKey(name(i)), Format: quietFormat{}, Sink: &sinks[i], Since: clock.Now()})
	}
	told := func(n uint32) {
		t.Helper()
		for late := time.Now().Add(actorstest.Patience); ; time.Sleep(time.Millisecond) {
			behind := 0
			for i := range sinks {
				if sinks[i].got.Load() < n {
					behind++
				}
			}
			if behind == 0 {
				return
			}
			if time.Now().After(late) {
				t.Fatalf("%d of %d users are not told", behind, users)
			}
		}
	}
	told(1)
	for i := range users {
		node.Send(userKey(name(i)), &actors.Doze{})
	}
	each := (heap() - before) / users
	t.Logf("%d bytes", each)
	if each > dozingBytes {
		t.Errorf("a dozing user with a connection takes %d bytes, want at most %d", each, dozingBytes)
	}
	woken := loads.Load()
	m := &actors.Message{Id: make([]byte, 16), Category: "a", Tenant: "acme", CreatedAt: clock.Now(), Content: []byte(`"title":"all"`)}
	if err := node.Ask(t.Context(), actors.NewRequest(logKey, &actors.Broadcast{Message: m, Audience: &actors.Audience{All: true}})); err != nil {
		t.Fatal(err)
	}
	told(2)
	if n := loads.Load() - woken; n > 1 { // the log's writer
		t.Errorf("%d users were read for a broadcast: they do not doze", n)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestDozingTenants: who dozes is shown the counts of each tenant, and says what is asked of one.
func TestDozingTenants(t *testing.T) {
	_, clock, node, ask := lone(t)
	message := func(tenant string) *actors.Message {
		id := actors.NewID()
		return &actors.Message{Id: id[:], Category: "a", Tenant: tenant, CreatedAt: clock.Now(), Content: []byte(`"title":"x"`)}
	}
	alice := userKey("alice")
	ask(alice, &actors.Publish{Message: message("acme")})
	p := actorstest.Attach(t, node, "alice")
	p.WaitRev(t, 1)
	ask(alice, &actors.Counts{}) // nothing is under way
	for i, tenant := range []string{"globex", "acme", ""} {
		node.Send(alice, &actors.Doze{})
		ask(logKey, &actors.Broadcast{Message: message(tenant), Audience: &actors.Audience{All: true}})
		p.WaitRev(t, uint64(i+2))
	}
	want := totals{Unread: 4, Unseen: 4, ByCategory: map[string]int{"a": 4}, ByTenant: map[string]int{"acme": 2, "globex": 1}}
	if got := counted(p.Last().Counts); got != want.String() {
		t.Errorf("shown are %s, want %s", got, want)
	}
	acme := totals{Unread: 2, Unseen: 2, ByCategory: map[string]int{"a": 2}}
	if got := counted(string(ask(alice, &actors.Counts{Tenant: "acme"}).Counts)); got != acme.String() {
		t.Errorf("of acme are counted %s, want %s", got, acme)
	}
}
