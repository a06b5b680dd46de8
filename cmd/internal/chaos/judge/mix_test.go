package judge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/actors/audience"
)

// event returns the place in the journal of an event that ok takes.
func event(h *UserHistory, ok func(Entry) bool) *Entry {
	return &h.Journal[slices.IndexFunc(h.Journal, ok)]
}

func replaces(e Entry) bool { return len(e.Replaced) > 0 }

// sent appends a broadcast that was published after all else.
func sent(h *UserHistory, a Audience, where string) {
	h.Log.Ops = append(h.Log.Ops, Broadcast{Change: Published, ID: "late", Audience: a, Body: "late", Call: time.Hour, Return: time.Hour + 1, Answered: true})
	h.Log.Entries = append(h.Log.Entries, LogEntry{Pos: uint64(len(h.Log.Entries)) + 1, Kind: Published, ID: "late", Audience: a, Where: where, Body: "late"})
}

// mixMutations are what a server may do wrong with labels, lists and segments, each by itself.
var mixMutations = []struct {
	name string
	want string // in one of the errors
	do   func(h *UserHistory)
}{
	{"by_tenant is answered wrong", "by the journal", func(h *UserHistory) { h.Ops[0].Tally.Labels += "@acme=1 " }},
	{"by_tenant is pushed wrong", "by the journal", func(h *UserHistory) {
		g := h.Views[0].Observations
		g[len(g)/2].Tally.Labels = ""
	}},
	{"by_tenant is wrong at the end", "counts at the end", func(h *UserHistory) { h.Finals[0].Labels = "@ @acme=77 " }},
	{"the counts of a tenant are wrong", "by the journal", func(h *UserHistory) {
		h.Ops[slices.IndexFunc(h.Ops, func(op Op) bool { return op.Kind == Counts && op.Tenant != "" })].Tally.Unseen++
	}},
	{"the counts of a tenant are old", "not linearizable", func(h *UserHistory) {
		op := h.Ops[slices.IndexFunc(h.Ops, func(op Op) bool { return op.Kind == Counts && op.Tenant != "" })]
		op.Call, op.Return = time.Hour, time.Hour+1
		h.Ops = append(h.Ops, op)
	}},
	{"a tenant's messages are read for another", "not linearizable", func(h *UserHistory) {
		i := slices.IndexFunc(h.Ops, func(op Op) bool { return op.Kind == ReadAll && op.Rev > 0 && op.Tenant != "" })
		for j := i; j < len(h.Ops); j++ {
			if h.Ops[j].Kind == ReadAll {
				h.Ops[j].Tenant = "nobody"
			}
		}
	}},
	{"a message expires before its time", "its time is", func(h *UserHistory) {
		event(h, func(e Entry) bool { return e.Kind == "expired" }).At = 0
	}},
	{"a broadcast expires before its time", "its time is", func(h *UserHistory) {
		h.Log.Entries[slices.IndexFunc(h.Log.Entries, func(e LogEntry) bool { return e.Kind == Expired })].At = 0
	}},
	{"what expires is not there", "which is not there", func(h *UserHistory) {
		e := event(h, func(e Entry) bool { return e.Kind == "expired" })
		e.IDs = append(e.IDs, "another")
	}},
	{"a message stays past its time", "past its time", func(h *UserHistory) {
		e := event(h, func(e Entry) bool {
			return e.Kind == "accepted" && slices.ContainsFunc(h.Inbox, func(m Message) bool { return m.ID == e.IDs[0] })
		})
		e.Label.Expires, h.ReadAt = 1, 2
	}},
	{"a message does not take the place of the one before", "takes the place", func(h *UserHistory) { event(h, replaces).Replaced = nil }},
	{"a message takes the place of another", "takes the place", func(h *UserHistory) {
		e := event(h, func(e Entry) bool { return e.Kind == "accepted" && e.Label.Collapse == "" && e.Seq > 20 })
		e.Replaced = []string{h.Inbox[0].ID}
	}},
	{"a client is not told what had to leave", "takes the place", func(h *UserHistory) {
		v := h.Views[1].Observations
		v[slices.IndexFunc(v, func(g Observation) bool { return len(g.Replaced) > 0 })].Replaced = nil
	}},
	{"a client is told late of what has left, and not what that had replaced", "in the journal it is", func(h *UserHistory) {
		v := h.Views[1].Observations
		g := &v[shown(h, h.Views[1])]
		g.Type, g.State = "state", "dropped"
	}},
	{"a list does not reach who is in it", "reached it is false", func(h *UserHistory) {
		h.Follows = append(h.Follows, FollowOp{Topic: Listed("quiet"), Call: time.Second, Return: time.Second, Answered: true})
		sent(h, Audience{List: "quiet"}, "")
	}},
	{"an emptied list has somebody", "the last that was acknowledged", func(h *UserHistory) {
		h.Follows = append(h.Follows, FollowOp{Topic: Listed("crew"), Stop: slices.Contains(h.Lists, "crew"), Call: time.Hour, Return: time.Hour, Answered: true})
	}},
	{"the index has somebody in a list whose journal does not", "said to follow", func(h *UserHistory) { h.Lists = append(h.Lists, "quiet") }},
	{"the index does not have somebody in a list whose journal does", "said not to", func(h *UserHistory) {
		event(h, func(e Entry) bool { return e.Known != nil }).Joined = []string{"quiet"}
	}},
	{"a segment reaches by an old profile", "reached it is", func(h *UserHistory) {
		last := h.Profile[len(h.Profile)-1]
		now := "p-2"
		if KnownBy(last.Value).VIP {
			now = "p-1"
		}
		h.Profile = append(h.Profile, ProfileOp{Value: now, Call: time.Minute, Return: time.Minute + 1, Answered: true})
		sent(h, Audience{Segment: "vips"}, Segments["vips"])
	}},
	{"a segment of an old version", "the segment moving", func(h *UserHistory) {
		now := h.Log.Moving[len(h.Log.Moving)-1].Value
		old := Movements[(slices.Index(Movements, now)+1)%2]
		sent(h, Audience{Segment: Moving}, old)
	}},
	{"a segment that nobody has saved", "nobody asked for", func(h *UserHistory) { sent(h, Audience{Segment: Moving}, "true") }},
	{"a preview shows somebody else", "in the preview", func(h *UserHistory) {
		for i := range h.Log.Previews {
			if p := &h.Log.Previews[i]; p.Count == 0 {
				p.Count, p.Users = 1, []string{h.User}
			} else {
				p.Count, p.Users = 0, nil
			}
		}
	}},
	{"a preview counts otherwise than it shows", "and shows", func(h *UserHistory) {
		h.Log.Previews = append(h.Log.Previews, Preview{Segment: "vips", Count: 3, Sent: "x"})
	}},
	{"what was sent is not the preview", "sent to it then", func(h *UserHistory) {
		got := slices.IndexFunc(h.Log.Ops, func(op Broadcast) bool {
			return op.Change == Published && slices.ContainsFunc(h.Inbox, func(m Message) bool { return m.ID == op.ID })
		})
		h.Log.Previews = append(h.Log.Previews, Preview{Segment: "quiet", Sent: h.Log.Ops[got].ID})
	}},
	{"preferences are read as they were", "preferences", func(h *UserHistory) {
		h.Wishes = append(h.Wishes, ProfileOp{Read: true, Value: h.Wishes[0].Value, Call: time.Hour, Return: time.Hour + 1, Answered: true})
	}},
	{"a profile is half written", "profile", func(h *UserHistory) {
		h.Profile = append(h.Profile, ProfileOp{Value: "p-2", Call: time.Hour, Return: time.Hour + 1, Answered: true},
			ProfileOp{Read: true, Value: ValueOf(map[string]string{"n": "p-2", "city": "Oslo"}, []string{"chaos", "vip"}), Call: 2 * time.Hour, Return: 2*time.Hour + 1, Answered: true})
	}},
}

func TestBadMixesFail(t *testing.T) {
	for _, s := range mixMutations {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(5) {
				h := broadcastTo(seed)
				s.do(h)
				errs := checkAll(h)
				if !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), s.want) }) {
					t.Errorf("seed %d: got %v, want an error with %q", seed, errs, s.want)
				}
			}
		})
	}
}

// TestWhatMayBe: what was tried in vain may be done later, and what overlaps may be either.
func TestWhatMayBe(t *testing.T) {
	for seed := range uint64(5) {
		h := broadcastTo(seed)
		in := slices.Contains(h.Lists, "crew")
		h.Follows = append(h.Follows, FollowOp{Topic: Listed("crew"), Stop: in, Call: time.Minute, Return: 2 * time.Hour, Maybe: true})
		h.Profile = append(h.Profile, ProfileOp{Value: "p-2", Call: time.Minute, Return: Unanswered})
		sent(h, Audience{List: "crew"}, "")
		h.Log.Previews = append(h.Log.Previews, Preview{Segment: "vips", Call: time.Hour, Return: time.Hour + 1})
		errs := checkAll(h)
		errs = slices.DeleteFunc(errs, func(err error) bool { // of the broadcast that was put in
			return !strings.Contains(err.Error(), "acknowledged")
		})
		if len(errs) > 0 {
			t.Errorf("seed %d: %v", seed, errs)
		}
	}
}

// TestExpressions: a server takes what segments ask for.
func TestExpressions(t *testing.T) {
	for where := range expressions {
		if _, err := audience.Check(where); err != nil {
			t.Error(err)
		}
	}
	for name, where := range Segments {
		if expressions[where] == nil {
			t.Errorf("the segment %s has no meaning", name)
		}
	}
}

// imported returns an import as it should be.
func imported() Import {
	im := Import{Job: "job", Bad: 3, Done: true, Written: make(map[string]int)}
	for i := range 20 {
		im.Users = append(im.Users, fmt.Sprint("user-", i))
		im.Written[im.Users[i]] = 1
	}
	im.Members = slices.Clone(im.Users)
	im.Said = ImportJob{State: "done", Lines: 21, Done: 20, Bad: 1, Errors: []struct{ Line int }{{3}}}
	return im
}

func TestImports(t *testing.T) {
	if errs := CheckImports([]Import{imported()}); len(errs) > 0 {
		t.Errorf("a good one: %v", errs)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for what, do := range map[string]func(im *Import){
		"not done":          func(im *Import) { im.Done = false },
		"is running":        func(im *Import) { im.Said.State = "running" },
		"19 of 21":          func(im *Import) { im.Said.Done-- },
		"2 bad":             func(im *Import) { im.Said.Bad++ },
		"the bad one is 3":  func(im *Import) { im.Said.Errors[0].Line++ },
		"is 0 times":        func(im *Import) { im.Members = im.Members[1:] },
		"is 2 times":        func(im *Import) { im.Members = append(im.Members, im.Members[rng.IntN(20)]) },
		"has 21 users":      func(im *Import) { im.Members = append(im.Members, "somebody") },
		"written 2 times":   func(im *Import) { im.Written["user-7"] = 2 },
		"written 0 times":   func(im *Import) { delete(im.Written, "user-7") },
		"is known by other": func(im *Import) { im.Mistaken = []string{"user-1 is known by other"} },
	} {
		im := imported()
		do(&im)
		if errs := CheckImports([]Import{im}); !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), what) }) {
			t.Errorf("got %v, want an error with %q", errs, what)
		}
	}
}
