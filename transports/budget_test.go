package transports_test

import (
	"bytes"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/streams"
)

func caller(user string) *transports.Principal {
	return &transports.Principal{ID: "user:" + user, App: "default", Kind: transports.UserToken, User: user}
}

func TestBudget(t *testing.T) {
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	key := &transports.Principal{ID: "key:k", App: "default", Kind: transports.ServerKey}
	b := transports.NewBudget(transports.Limits{WaitingPerAddress: 100, WaitingPerUser: 60})
	want := func(what string, err error, refused bool) {
		t.Helper()
		if (err != nil) != refused || refused && actors.AsError(err).Code != actors.TooMany {
			t.Errorf("%s: got %v", what, err)
		}
	}
	alice := b.Claim(here, caller("alice"))
	want("up to the user's bound", alice.Grow(60), false)
	want("one more", alice.Grow(1), true)
	want("the same user elsewhere", b.Full(there, caller("alice")), true)
	bob := b.Claim(here, caller("bob"))
	want("another user, above the address's bound", bob.Grow(41), true)
	want("another user, up to it", bob.Grow(40), false)
	want("a third one there", b.Full(here, caller("carol")), true)
	want("nobody there", b.Full(here, nil), true)
	want("the third one elsewhere", b.Full(there, caller("carol")), false)
	want("the user of another app", b.Full(there, &transports.Principal{ID: "user:alice", App: "other", Kind: transports.UserToken, User: "alice"}), false)
	want("a server key there", b.Full(here, key), false)
	back := b.Claim(here, key)
	want("a server key, up to an address's bound", back.Grow(100), false)
	want("above it", back.Grow(1), true)
	if s := b.State(); s.Waiting != 200 || s.Addresses != 3 || s.Callers != 3 {
		t.Errorf("got %+v", s)
	}
	want("less", alice.Resize(20), false)
	want("the third one then", b.Full(here, caller("carol")), false)
	b.SetLimits(transports.Limits{WaitingPerAddress: 50, WaitingPerUser: 10})
	want("by other limits", alice.Grow(1), true)
	for _, c := range []*transports.Claim{alice, bob, back, nil} {
		c.Close()
		c.Close()
	}
	if s := b.State(); s.Waiting != 0 {
		t.Errorf("%d bytes are left", s.Waiting)
	}
	want("when all is read", b.Full(here, caller("alice")), false)
	six := b.Claim(netip.MustParseAddr("2001:db8::1"), nil)
	six.Force(50)
	want("a neighbor in one network", b.Full(netip.MustParseAddr("2001:db8::2"), nil), true)
	want("of another network", b.Full(netip.MustParseAddr("2001:db8:0:1::2"), nil), false)
	six.Close()
}

func TestBudgetUnderMany(t *testing.T) {
	b := transports.NewBudget(transports.Limits{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 2000 {
				c := b.Claim(netip.MustParseAddr("192.0.2.1"), caller(string(rune('a'+i%3))))
				_ = c.Grow(10)
				c.Shrink(3)
				c.Close()
			}
		})
	}
	all.Wait()
	if s := b.State(); s.Waiting != 0 || s.Addresses+s.Callers != 0 {
		t.Errorf("got %+v", s)
	}
}

// What clients do not read counts by address and user, whatever its size, and
// what would pass the bound ends its own connection alone.
func TestUnreadFramesCount(t *testing.T) {
	const frame = 256 << 10
	// The buffer of a wrapped connection can't be made small: it takes all.
	small := slices.DeleteFunc(slices.Clone(wires), func(kind string) bool { return kind == "wrapped" })
	eachWire(t, small, func(t *testing.T, kind string) {
		budget := transports.NewBudget(transports.Limits{WaitingPerUser: 3 * frame})
		big := bytes.Repeat([]byte("x"), frame)
		var rigs []*rig
		over := 0
		for range 6 {
			r := newRigOf(t, streams.SinkConfig{}, kind, budget)
			rigs = append(rigs, r)
			if _, err := r.SendShared(big); err != nil {
				over++
				r.Close(actors.EndSlow)
			}
			if w := budget.State().Waiting; w > 3*frame {
				t.Fatalf("%d bytes wait, and %d may", w, 3*frame)
			}
		}
		if over < 2 || over > 3 {
			t.Errorf("%d of 6 connections were ended", over)
		}
		if budget.State().Callers == 0 {
			t.Error("no refusal was counted")
		}
		for _, r := range rigs {
			_ = r.client.Close()
			until(t, "leave", r.isOver)
		}
		until(t, "nothing waits", func() bool { return budget.State().Waiting == 0 })
	})
}

// Very many may wait with the same large frame, of which there is one.
func TestLargeFramesAreShared(t *testing.T) {
	const frame, readers = 1 << 20, 60
	for _, kind := range []string{"loop", "socket"} {
		t.Run(kind, func(t *testing.T) {
			big := bytes.Repeat([]byte("x"), frame)
			runtime.GC()
			before := inUse()
			for range readers {
				r := newRigOf(t, streams.SinkConfig{}, kind, nil)
				if n, err := r.SendShared(big); err != nil || n < frame/2 {
					t.Fatalf("%d bytes wait, %v", n, err)
				}
			}
			runtime.GC()
			if grown := inUse() - before; grown > readers*frame/4 {
				t.Errorf("%d readers that wait take %d bytes", readers, grown)
			}
			big[0]++ // it is held until here
		})
	}
}
