package send

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"reddot/actors"
)

// TestSnapshot: a send that is read from its snapshot goes on as one that is read from
// its events, whatever has happened to it.
func TestSnapshot(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		s := &state{}
		for range 1 + r.IntN(12) {
			e := anyEvent(r, s)
			if err := s.Apply(e); err != nil {
				t.Fatal(err)
			}
			// The edits' own text is in the message once all have them (compacted).
			c := s.compacted(0)
			got := &state{}
			if err := got.restore(c.snapshot()); err != nil {
				t.Fatal(err)
			}
			c.kept = got.kept // of the snapshot that is now there
			if want, got := fmt.Sprintf("%+v", plainOf(c)), fmt.Sprintf("%+v", plainOf(got)); got != want {
				t.Fatalf("from the snapshot:\n%s\nfrom the events:\n%s", got, want)
			}
			want := s.current().Content
			if s.retracted() {
				want = nil
			}
			if !bytes.Equal(got.current().Content, want) {
				t.Fatalf("the snapshot says %s, want %s", got.current().Content, want)
			}
		}
	}
}

// plainOf returns what of a state counts, without pointers.
func plainOf(s *state) any {
	p := struct {
		state
		message string
		keys    string
	}{*s, s.message.String(), fmt.Sprint(s.keys)}
	p.state.message, p.state.keys = nil, nil
	return p
}

// anyEvent returns some event that may come next.
func anyEvent(r *rand.Rand, s *state) *actors.SendEvent {
	e := &actors.SendEvent{Seq: s.seq + 1, At: 1000 * int64(s.seq)}
	if r.IntN(2) == 0 {
		e.Once, e.Digest = bytes.Repeat([]byte{byte(s.seq)}, 16), r.Uint64()
	}
	switch n := r.IntN(4); {
	case s.message == nil:
		id := actors.NewID()
		e.Kind, e.Users = actors.SendKind_SEND_STARTED, []string{"a", "b", "c"}
		e.Message = &actors.Message{Id: id[:], Category: "a", Content: []byte(`"title":"x"`)}
	case n == 0:
		e.Kind, e.Patch = actors.SendKind_SEND_EDITED, fmt.Appendf(nil, `{"title":"%d"}`, s.seq)
	case n == 1 && !s.retracted() && s.seq > 8:
		e.Kind = actors.SendKind_SEND_RETRACTED
	default:
		e.Kind, e.Step, e.Failed = actors.SendKind_SEND_PROGRESS, uint32(r.IntN(len(s.steps))), uint32(r.IntN(2))
		e.Done = []uint32{uint32(r.IntN(3))}
	}
	return e
}

// TestDamaged: what can't follow what the journal holds is refused with a reason, and
// changes nothing.
func TestDamaged(t *testing.T) {
	id := actors.NewID()
	m := &actors.Message{Id: id[:]}
	started := &actors.SendEvent{Kind: actors.SendKind_SEND_STARTED, Seq: 1, Message: m, Users: []string{"a"}}
	for name, c := range map[string]struct {
		before []*actors.SendEvent
		event  *actors.SendEvent
		want   string
	}{
		"a gap":               {[]*actors.SendEvent{started}, &actors.SendEvent{Kind: actors.SendKind_SEND_RETRACTED, Seq: 3}, "follows event 1"},
		"twice":               {[]*actors.SendEvent{started}, &actors.SendEvent{Kind: actors.SendKind_SEND_RETRACTED, Seq: 1}, "follows event 1"},
		"no message":          {nil, &actors.SendEvent{Kind: actors.SendKind_SEND_STARTED, Seq: 1}, "no message"},
		"no id":               {nil, &actors.SendEvent{Kind: actors.SendKind_SEND_STARTED, Seq: 1, Message: &actors.Message{Id: []byte("short")}}, "no message"},
		"a second message":    {[]*actors.SendEvent{started}, &actors.SendEvent{Kind: actors.SendKind_SEND_STARTED, Seq: 2, Message: m}, "there is one already"},
		"an edit of nothing":  {nil, &actors.SendEvent{Kind: actors.SendKind_SEND_EDITED, Seq: 1}, "was not sent"},
		"progress of nothing": {[]*actors.SendEvent{started}, &actors.SendEvent{Kind: actors.SendKind_SEND_PROGRESS, Seq: 2, Step: 1}, "step 1 of 1"},
		"a newer program's":   {[]*actors.SendEvent{started}, &actors.SendEvent{Kind: 9, Seq: 2}, "older than the data"},
	} {
		s := &state{}
		for _, e := range c.before {
			if err := s.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
		err := s.Apply(c.event)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
		if s.seq != uint64(len(c.before)) || len(s.steps) != len(c.before) {
			t.Errorf("%s: the state stands at event %d with %d steps", name, s.seq, len(s.steps))
		}
	}
	good := &actors.SendState{Seq: 7, Message: m, Users: []string{"a"}}
	for name, p := range map[string]*actors.SendState{
		"no message":          {Seq: 7},
		"there is no user 1":  {Seq: 7, Message: m, Users: good.Users, Steps: []*actors.SendStep{{Left: []uint32{1}}}},
		"a key of 3 bytes":    {Seq: 7, Message: m, Keys: []*actors.OnceKey{{Key: []byte("key")}}},
		"does not know":       nil,
		"no error, this time": good,
	} {
		raw := []byte{actors.EventVersion + 1}
		if p != nil {
			b, err := p.MarshalVT()
			if err != nil {
				t.Fatal(err)
			}
			raw = append([]byte{actors.EventVersion}, b...)
		}
		if err := (&state{}).restore(raw); p == good && err != nil || p != good && (err == nil || !strings.Contains(err.Error(), name)) {
			t.Errorf("a snapshot: got %v, want an error with %q", err, name)
		}
	}
	if (&state{}).restore(nil) == nil || (&state{}).restore([]byte{actors.EventVersion, 0xff}) == nil {
		t.Error("an empty snapshot, or one that is cut off, is taken")
	}
}

// TestEditsEnd: a send can't be edited for ever, and each step has a key of its own.
func TestEditsEnd(t *testing.T) {
	s, id := &state{}, actors.NewID()
	do := func(e *actors.SendEvent) *actors.Error {
		e, err := s.decide(e, actors.Once{})
		if err == nil {
			if err := s.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
		return err
	}
	if err := do(&actors.SendEvent{Kind: actors.SendKind_SEND_STARTED, Message: &actors.Message{Id: id[:]}}); err != nil {
		t.Fatal(err)
	}
	onces := map[[16]byte]bool{s.once(0): true}
	for n := 1; n < maxSendSteps; n++ {
		if err := do(&actors.SendEvent{Kind: actors.SendKind_SEND_EDITED, Patch: []byte("{}")}); err != nil {
			t.Fatalf("edit %d: %v", n, err)
		}
		onces[s.steps[n].once] = true
	}
	if err := do(&actors.SendEvent{Kind: actors.SendKind_SEND_EDITED}); err == nil || err.Code != actors.TooMany {
		t.Errorf("one more: got %v", err)
	}
	if len(onces) != maxSendSteps {
		t.Errorf("%d steps have %d keys: users would pass over some", maxSendSteps, len(onces))
	}
}

// TestKept holds for how long a send is kept: as long as the inbox of whoever got it
// last keeps it.
func TestKept(t *testing.T) {
	l, err := (actors.Limits{InboxLimits: actors.InboxLimits{MessageAge: time.Hour}, EraseWithin: 4 * time.Second}).WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	const hour, step = 3_600_000, 1000
	id := [16]byte{6: 0x70}
	for name, c := range map[string]struct {
		told, sendAt, want int64
	}{
		"as ordered":     {0, 0, 100 + hour + step},
		"as told last":   {5000, 0, 5000 + hour + step},
		"as it was due":  {5000, 9000, 9000 + hour + step},
		"as told, later": {5000, 400, 5000 + hour + step},
	} {
		s := &state{}
		if err := s.Apply(&actors.SendEvent{Kind: actors.SendKind_SEND_STARTED, Seq: 1, At: 100, Users: []string{"a"}, Message: &actors.Message{Id: id[:], SendAt: c.sendAt}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(&actors.SendEvent{Kind: actors.SendKind_SEND_PROGRESS, Seq: 2, At: c.told, Done: []uint32{0, 0, 7}}); err != nil {
			t.Fatal(err)
		}
		if got := s.forgetAt(&l); got != c.want || s.due(&l) != got {
			t.Errorf("%s: forgotten at %d, looked at at %d; want %d", name, got, s.due(&l), c.want)
		}
		if s.steps[0].left != 0 {
			t.Errorf("%d are left of one who was told twice", s.steps[0].left)
		}
	}
}
