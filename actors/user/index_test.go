package user_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/profile"
)

// TestIndex changes the profiles of some users at random: after each step the index
// has what it would have if it were made anew, and nothing else.
func TestIndex(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	e := newErasable(t)
	known := map[actors.Key]*profile.State{} // of those who are there
	some := func(of ...string) (list []string) {
		for _, s := range of {
			if r.IntN(2) == 0 {
				list = append(list, s)
			}
		}
		return list
	}
	for step := range 400 {
		e.key = actors.UserKey(actors.DefaultApp, fmt.Sprint("u", r.IntN(4)))
		s := known[e.key]
		if s == nil {
			s = &profile.State{}
		}
		apply := func(c *actors.ProfileChange) {
			s.Apply(&actors.Event{Profile: c})
			known[e.key] = s
		}
		switch r.IntN(6) {
		case 0, 1:
			p := &actors.Profile{Tags: some("a", "b", "c"), Tenants: some("t"), Attributes: []*actors.Attribute{
				{Name: "level", Value: &actors.Attribute_Number{Number: float64(r.IntN(3))}},
				{Name: "likes", Value: &actors.Attribute_Texts{Texts: &actors.TextList{List: some("x", "y", "x")}}},
			}}
			if r.IntN(2) == 0 {
				p.Locale, p.Zone, p.Attributes = "de", "Europe/Berlin", nil
			}
			if r.IntN(5) == 0 {
				p = &actors.Profile{}
			}
			e.ask(&actors.SetProfile{Profile: p, Replace: true}, "")
			if s != nil && (p.SizeVT() > 0 || s.Profile() != nil) {
				apply(&actors.ProfileChange{Profile: p})
			}
		case 2:
			topic := fmt.Sprint("topic", r.IntN(3))
			if stop := r.IntN(2) == 0; !stop {
				e.ask(&actors.Follow{Topic: topic}, "")
				apply(&actors.ProfileChange{Followed: []string{topic}})
			} else if s.Following(topic) {
				e.ask(&actors.Follow{Topic: topic, Stop: true}, "")
				apply(&actors.ProfileChange{Unfollowed: []string{topic}})
			}
		case 3:
			if leave := r.IntN(2) == 0; !leave {
				e.ask(&actors.JoinList{List: "beta"}, "")
				apply(&actors.ProfileChange{Joined: []string{"beta"}})
			} else if s.InList("beta") {
				e.ask(&actors.JoinList{List: "beta", Leave: true}, "")
				apply(&actors.ProfileChange{Left: []string{"beta"}})
			}
			until := int64(r.IntN(2)) * 4_000_000_000_000
			e.ask(&actors.SetPreferences{Preferences: &actors.Preferences{MutedUntil: until}}, "")
			if until != 0 || s.Preferences() != nil {
				apply(&actors.ProfileChange{Preferences: &actors.Preferences{MutedUntil: until}})
			}
		case 4:
			e.publish("x")
			apply(&actors.ProfileChange{})
		default:
			if r.IntN(4) == 0 {
				e.ask(&actors.Erase{}, fmt.Sprint(step))
				delete(known, e.key)
			}
			e.ask(&actors.Counts{}, "")
		}
		var want, got []string
		for key, s := range known {
			for _, row := range rowsOf(key, s) {
				want = append(want, fmt.Sprintf("%q %q", row.Key, row.Value))
			}
		}
		err := e.j.ScanIndex(t.Context(), nil, []byte{0xff}, 10_000, func(key, value []byte) bool {
			got = append(got, fmt.Sprintf("%q %q", key, value))
			return true
		})
		slices.Sort(want)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("step %d, %v:\ngot  %q\nwant %q, %v", step, slices.Sorted(maps.Keys(known)), got, want, err)
		}
	}
}

// rowsOf returns all rows of a user.
func rowsOf(key actors.Key, s *profile.State) []actors.IndexRow {
	var nothing *profile.State
	return nothing.IndexChange(key, &actors.ProfileChange{Profile: s.Profile(), Preferences: s.Preferences(), Followed: s.Follows(), Joined: s.Lists()})
}

// TestIndexOfOlderData: a user of whom the index has nothing, as where a program
// without one has written, is found again after its next snapshot.
func TestIndexOfOlderData(t *testing.T) {
	e := newErasable(t)
	e.ask(&actors.SetProfile{Profile: &actors.Profile{Tags: []string{"vip"}}, Replace: true}, "")
	rows := func() (list []actors.IndexRow) {
		err := e.j.ScanIndex(t.Context(), nil, []byte{0xff}, 100, func(key, _ []byte) bool {
			list = append(list, actors.IndexRow{Key: slices.Clone(key)})
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	had := rows()
	settled := make(chan struct{})
	other := actors.NewStream(actors.UserKey(actors.DefaultApp, "nobody"), actors.Fence{}, 0, func() { close(settled) })
	if err := e.j.Append(&actors.Write{Stream: other, Index: rows()}); err != nil {
		t.Fatal(err)
	}
	<-settled
	if left := rows(); len(had) == 0 || len(left) > 0 {
		t.Fatalf("of %d rows, %d are left", len(had), len(left))
	}
	l, _ := actors.Limits{}.WithDefaults()
	for range l.RetainEvents {
		e.publish(strings.Repeat("x", 200)) // a snapshot is due when the journal has outgrown it
	}
	if now := rows(); !slices.EqualFunc(now, had, func(a, b actors.IndexRow) bool { return string(a.Key) == string(b.Key) }) {
		t.Errorf("got %q, want %q", now, had)
	}
}
