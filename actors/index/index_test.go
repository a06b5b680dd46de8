package index

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/audience"
	"reddot/actors/profile"
	"reddot/actors/store/memory"
)

const now = 1_700_000_000_000

// people are some users of an app, in a store.
type people struct {
	*Index
	store *memory.State
	known map[string]*profile.State
}

// newPeople returns users with profiles at random; some have none.
func newPeople(r *rand.Rand, n int) *people {
	p := &people{store: memory.NewState(), known: map[string]*profile.State{}}
	p.Index = New(p.store)
	p.maxRanged = 20 // so that there are wider ranges
	some := func(of ...string) (list []string) {
		for _, s := range of {
			if r.IntN(3) == 0 {
				list = append(list, s)
			}
		}
		return list
	}
	for i := range n {
		c := &actors.ProfileChange{}
		if r.IntN(10) > 0 {
			set := &actors.Profile{Tags: some("new", "vip", "x"), Locale: []string{"", "de", "zh-CN"}[r.IntN(3)], Zone: []string{"", "Asia/Shanghai"}[r.IntN(2)]}
			attribute := func(name string, v *actors.Attribute) {
				if v.Name = name; r.IntN(3) > 0 {
					set.Attributes = append(set.Attributes, v)
				}
			}
			attribute("city", &actors.Attribute{Value: &actors.Attribute_Text{Text: []string{"Shanghai", "Berlin", "", "Ber\x00lin"}[r.IntN(4)]}})
			attribute("level", &actors.Attribute{Value: &actors.Attribute_Number{Number: float64(r.IntN(20) - 5)}})
			attribute("likes", &actors.Attribute{Value: &actors.Attribute_Texts{Texts: &actors.TextList{List: some("tea", "cake")}}})
			attribute("on", &actors.Attribute{Value: &actors.Attribute_Flag{Flag: r.IntN(2) == 0}})
			attribute("seen", &actors.Attribute{Value: &actors.Attribute_Time{Time: now - r.Int64N(1000)}})
			c = &actors.ProfileChange{Profile: set, Followed: some("news", "sport"), Joined: some("beta")}
		}
		p.put("app", fmt.Sprint("user", i), c)
		p.put("other", fmt.Sprint("user", i+n/2), c)
	}
	return p
}

func (p *people) put(app, user string, c *actors.ProfileChange) {
	key, s := actors.UserKey(app, user), &profile.State{}
	p.store.Apply(&actors.Write{Stream: actors.NewStream(key, actors.Fence{}, 0, func() {}), Index: s.IndexChange(key, c)})
	if app == "app" {
		s.Apply(&actors.Event{Profile: c})
		p.known[user] = s
	}
}

// names are the users in the order of the index.
func (p *people) names() []string {
	return slices.SortedFunc(maps.Keys(p.known), func(a, b string) int { return strings.Compare(audience.Name("app", a), audience.Name("app", b)) })
}

func check(t *testing.T, where string) *audience.Segment {
	t.Helper()
	s, err := audience.Check(where)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var segments = []string{
	"true", "false", "'vip' in tags", "!('vip' in tags)", "'vip' in tags && attributes.city == 'Shanghai'", "attributes.city != 'Shanghai'",
	"attributes.level >= 3", "attributes.level > -2 && attributes.level < 1", "attributes.level == 0", "attributes.seen > now - duration('500ms')",
	"'tea' in attributes.likes && 'cake' in attributes.likes", "locale in ['de', 'fr']", "zone == 'Asia/Shanghai' or 'new' in tags", "attributes.on", "!attributes.on",
	"'news' in follows && !('sport' in follows)", "attributes.city startsWith 'Ber'", "attributes.city == ''", "'city' in attributes", "len(attributes.city) > 3", "lower(locale) == 'zh-cn'", "'beta' in lists",
	"attributes.level >= 0 && 'vip' in tags", "attributes.city <= 'Berlin' && locale > 'd'", "'x' in tags && 'vip' in tags && !('new' in tags)",
}

// TestFind compares whom the index finds with a look at every profile.
func TestFind(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	p := newPeople(rand.New(rand.NewPCG(seed, 0)), 700)
	for _, where := range segments {
		s := check(t, where)
		var want []string
		for _, name := range p.names() {
			if s.Matches(p.known[name], now) {
				want = append(want, name)
			}
		}
		n, err := p.Count(t.Context(), "app", s, now)
		if err != nil || n != len(want) {
			t.Errorf("%s: counted %d, %v, want %d", where, n, err, len(want))
		}
		got, err := p.First(t.Context(), "app", s, now, 20)
		if err != nil || !slices.Equal(got, want[:min(20, len(want))]) {
			t.Errorf("%s: found %q, %v, want %q", where, got, err, want[:min(20, len(want))])
		}
	}
	if n, err := p.Count(t.Context(), "nobody's", check(t, "true"), now); n != 0 || err != nil {
		t.Errorf("an app without users: got %d, %v", n, err)
	}
}

// TestEstimate: an estimate is right for few, and not far off for many.
func TestEstimate(t *testing.T) {
	p := newPeople(rand.New(rand.NewPCG(1, 1)), 5000)
	v := p.view(t.Context(), "app")
	if n, err := v.Estimate(audience.Lookup{}); err != nil || n < 3500 || n > 6500 {
		t.Errorf("5,000 users: got %d, %v", n, err)
	}
	few := audience.Value{Kind: audience.Text, Text: "Ber\x00lin"}
	want := 0
	for _, s := range p.known {
		if s.Attribute("city").Text == few.Text {
			want++
		}
	}
	l := audience.Lookup{Field: "attributes.city", Kind: audience.Text, Low: few, High: few}
	if n, err := v.Estimate(l); err != nil || n < want*7/10 || n > want*14/10 {
		t.Errorf("%d users: got %d, %v", want, n, err)
	}
}

// TestUsers reads all users, in pages.
func TestUsers(t *testing.T) {
	p := newPeople(rand.New(rand.NewPCG(1, 2)), 300)
	for _, limit := range []int{1, 7, 299, 300, 301} {
		var got []string
		for after := ""; ; {
			next, err := p.Users(t.Context(), "app", after, limit, func(user string, known *profile.State) error {
				if !slices.Equal(known.Profile().GetTags(), p.known[user].Profile().GetTags()) || !slices.Equal(known.Follows(), p.known[user].Follows()) {
					t.Errorf("%s: got %v", user, known.Profile())
				}
				got = append(got, user)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if next == "" {
				break
			}
			after = next
		}
		if !slices.Equal(got, p.names()) {
			t.Errorf("pages of %d: got %d users, or in another order", limit, len(got))
		}
	}
	stop := errors.New("stop")
	if _, err := p.Users(t.Context(), "app", "", 10, func(string, *profile.State) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Users(ctx, "app", "", 10, func(string, *profile.State) error { return nil }); err == nil {
		t.Error("a read that was cancelled has an end")
	}
}

// TestNewerRow: what a newer program has written is not misread.
func TestNewerRow(t *testing.T) {
	p := newPeople(rand.New(rand.NewPCG(1, 3)), 0)
	key := actors.UserKey("app", "ann")
	row := profile.NewIndexRow(key)
	row.Value = []byte{2, 1}
	p.store.Apply(&actors.Write{Stream: actors.NewStream(key, actors.Fence{}, 0, func() {}), Index: []actors.IndexRow{row}})
	if _, err := p.Users(t.Context(), "app", "", 10, func(string, *profile.State) error { return nil }); err == nil {
		t.Error("a row of another version is read")
	}
	if _, err := p.Count(t.Context(), "app", check(t, "'a' in tags or !('b' in tags)"), now); err == nil {
		t.Error("a row of another version is counted")
	}
}
