package actors

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestUnknownIsNotReused: a request whose outcome is unknown may still be held by
// whoever did not come to answer it, so its memory is not another's.
func TestUnknownIsNotReused(t *testing.T) {
	for code, kept := range map[Code]bool{Unavailable: true, Busy: false, NotFound: false} {
		r := NewRequest(UserKey("shop", "alice"), &Counts{})
		r.OnReply(func(*Request) {})
		r.Fail(Errorf(code, "x"))
		r.Release()
		if got := r.Key != ""; got != kept {
			t.Errorf("%s: kept is %v, want %v", code, got, kept)
		}
	}
}

// A caller's key stands for one caller and one request; whoever shifts a byte from one
// part to the next has another key, or another request.
func TestCallersOnce(t *testing.T) {
	base := CallersOnce("shop", "k1", []byte("POST"), []byte("body"))
	if base.IsZero() || base.Edge || base != CallersOnce("shop", "k1", []byte("POST"), []byte("body")) {
		t.Errorf("got %+v", base)
	}
	for name, c := range map[string]struct {
		once      Once
		key, same bool
	}{
		"another caller":      {CallersOnce("shop2", "k1", []byte("POST"), []byte("body")), false, true},
		"another key":         {CallersOnce("shop", "k2", []byte("POST"), []byte("body")), false, true},
		"a shifted key":       {CallersOnce("shopk", "1", []byte("POST"), []byte("body")), false, true},
		"another body":        {CallersOnce("shop", "k1", []byte("POST"), []byte("body2")), true, false},
		"a shifted body":      {CallersOnce("shop", "k1", []byte("POSTb"), []byte("ody")), true, false},
		"the parts in a row":  {CallersOnce("shop", "k1", []byte("POSTbody")), true, false},
		"nothing but the key": {CallersOnce("shop", "k1"), true, false},
	} {
		if (c.once.Key == base.Key) != c.key || (c.once.Digest == base.Digest) != c.same {
			t.Errorf("%s: %+v beside %+v", name, c.once, base)
		}
	}
}

// An event carries the key under which it was asked for, unless its message's own id
// is that.
func TestOnceIsStamped(t *testing.T) {
	id := ID{1, 2}
	callers := CallersOnce("shop", "k1", []byte("r"))
	for name, c := range map[string]struct {
		once Once
		kind Kind
		want bool
	}{
		"none":                       {Once{}, Kind_ACCEPTED, false},
		"the message's own id":       {EdgeOnce(id), Kind_ACCEPTED, false},
		"the edge's, of an edit":     {EdgeOnce(id), Kind_EDITED, true},
		"the edge's, of another id":  {EdgeOnce(ID{3}), Kind_ACCEPTED, true},
		"a caller's":                 {callers, Kind_ACCEPTED, true},
		"a caller's that is that id": {Once{Key: id, Digest: 7}, Kind_ACCEPTED, true},
	} {
		e := &Event{Kind: c.kind, Message: &Message{Id: id[:]}}
		c.once.Stamp(e)
		if got := len(e.Once) > 0; got != c.want {
			t.Errorf("%s: it is stored: %v", name, got)
		}
		if c.want && (Once{Key: [16]byte(e.Once), Digest: e.Digest, Edge: e.Edge}) != c.once {
			t.Errorf("%s: stored as %x, %d, %v", name, e.Once, e.Digest, e.Edge)
		}
	}
}

// A caller whose time is over does not know the outcome; an answer that is there wins.
func TestRequestWaits(t *testing.T) {
	over, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the caller has gone"))
	r := NewRequest("udefault/alice", &Counts{})
	err := AsError(r.Wait(over))
	if err == nil || err.Code != Unavailable || !err.Temporary() || !strings.Contains(err.Error(), "the caller has gone") {
		t.Errorf("got %v", err)
	}
	r.Respond()
	if err := r.Wait(over); err != nil {
		t.Errorf("an answer came: %v", err)
	}
	heard := 0
	r.OnReply(func(same *Request) {
		if same == r {
			heard++
		}
	})
	r.Fail(ErrNotOwner)
	if heard != 1 || r.Answer.Err != ErrNotOwner {
		t.Errorf("heard %d times: %v", heard, r.Answer.Err)
	}
}

// The memory of a request is used again, what was in it is not; what is very large is
// let go of.
func TestReleaseForgets(t *testing.T) {
	r := NewRequest("udefault/alice", &Counts{})
	r.Once, r.Answer = EdgeOnce(ID{1}), Answer{Rev: 7, Body: []byte("secret"), Counts: make([]byte, 5, 64)}
	r.Buffer.Buf = make([]byte, 9, 128)
	r.Release()
	if r.Key != "" || r.Command != nil || !r.Once.IsZero() || r.Answer.Body != nil || r.Answer.Rev != 0 || len(r.Answer.Counts) != 0 || len(r.Buffer.Buf) != 0 {
		t.Errorf("it still has %+v", r.Answer)
	}
	if cap(r.Answer.Counts) != 64 || cap(r.Buffer.Buf) != 128 {
		t.Error("its memory is thrown away")
	}
	large := NewRequest("udefault/alice", &Counts{})
	large.Buffer.Buf = make([]byte, 0, 1<<20)
	large.Release()
	if cap(large.Buffer.Buf) > 16<<10 {
		t.Errorf("an idle request holds %d bytes", cap(large.Buffer.Buf))
	}
}

// TestMarkings holds which markings mean something to a message, named or in a sweep.
func TestMarkings(t *testing.T) {
	states := []State{State_UNSEEN, State_SEEN, State_READ, State_ARCHIVED, State_SNOOZED, State_SCHEDULED}
	for _, c := range []struct {
		to           Marking
		lead         State
		named, sweep string // the states that it changes
	}{
		{MarkSeen, State_SEEN, "unseen", "unseen"},
		{MarkRead, State_READ, "unseen seen snoozed", "unseen seen"},
		{MarkUnread, State_SEEN, "read archived", "read"},
		{MarkArchived, State_ARCHIVED, "unseen seen read snoozed", "unseen seen read"},
		{MarkSnoozed, State_SNOOZED, "unseen seen read snoozed", "unseen seen read snoozed"},
		{MarkSnoozed + 1, 0, "", ""},
	} {
		for sweep, want := range map[bool]string{false: c.named, true: c.sweep} {
			var got []string
			for _, s := range states {
				if c.to.Changes(s, sweep) {
					got = append(got, s.Word())
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("marking %d, sweep %v: changes %v, want %s", c.to, sweep, got, want)
			}
		}
		if c.to <= MarkSnoozed && c.to.State() != c.lead {
			t.Errorf("marking %d leads to %s", c.to, c.to.State().Word())
		}
	}
}
