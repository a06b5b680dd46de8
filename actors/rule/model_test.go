package rule

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"

	"reddot/actors"
	"reddot/actors/profile"
)

const epoch = 1_780_000_000_000

func parsed(t testing.TB, name, body string) *Policy {
	t.Helper()
	p, err := Parse(name, 1, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// delivery is one that a naive model has counted.
type delivery struct {
	at               int64
	category, tenant string
	content          uint64
}

// TestCapsAgainstModel lets messages come at random, and compares with a model that counts
// all deliveries anew each time. A twin goes through a snapshot at each step.
func TestCapsAgainstModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	p := parsed(t, "p", `{"caps": [{"max": 2, "per": "10s", "category": "*"}, {"max": 5, "per": "1m"}, {"max": 4, "per": "50s", "tenant": "acme"}, {"max": 3, "per": "30s", "category": "a"}], "duplicates": {"per": "5s"}}`)
	caps := []struct {
		most   int
		window int64
		counts func(d, m *delivery) bool // d counts for what m may still be delivered
	}{
		{2, 10_000, func(d, m *delivery) bool { return d.category == m.category }},
		{5, 60_000, func(_, _ *delivery) bool { return true }},
		{4, 50_000, func(d, m *delivery) bool { return m.tenant == "acme" && d.tenant == "acme" }},
		{3, 30_000, func(d, m *delivery) bool { return m.category == "a" && d.category == "a" }},
	}
	state, twin := &State{}, &State{}
	var all []delivery
	now := int64(epoch)
	outcomes := map[actors.Rule]int{}
	for step := range 20_000 {
		now += random.Int64N(2500) * random.Int64N(9)
		m := delivery{now, string(rune('a' + random.IntN(3))), []string{"", "acme"}[random.IntN(2)], 1 + random.Uint64N(9)}
		want := actors.Rule_PASSED
		for _, c := range caps {
			n := 0
			for i := range all {
				if all[i].at > now-c.window && c.counts(&all[i], &m) {
					n++
				}
			}
			if n >= c.most {
				want = actors.Rule_CAP
			}
		}
		for i := range all {
			if all[i].content == m.content && all[i].at > now-5000 {
				want = actors.Rule_DUPLICATE
			}
		}
		c := &Candidate{Category: m.category, Tenant: m.tenant, Channel: "inapp", Digest: m.content}
		d := p.Judge(c, nil, state, now)
		if other := p.Judge(c, nil, twin, now); other.Do != d.Do || other.Verdict.Rule != d.Verdict.Rule {
			t.Fatalf("seed %d, step %d: %v; through a snapshot: %v", seed, step, d, other)
		}
		if d.Verdict.Rule != want || (d.Do == Deliver) != (want == actors.Rule_PASSED) {
			t.Fatalf("seed %d, step %d: %+v: got %v, want %v", seed, step, m, d, want)
		}
		outcomes[want]++
		e := &actors.Event{Kind: actors.Kind_ACCEPTED, At: now, Message: &actors.Message{}, Verdict: d.Verdict}
		if d.Do == Deliver {
			all = append(all, m)
		} else {
			e.Kind = actors.Kind_FILTERED
		}
		state.Apply(e)
		twin = twin.Clone()
		twin.Apply(e)
		if got, want := protojson.Format(twin.Stored()), protojson.Format(state.Stored()); got != want {
			t.Fatalf("seed %d, step %d: through a snapshot:\n%s\nwant:\n%s", seed, step, got, want)
		}
	}
	for _, rule := range []actors.Rule{actors.Rule_PASSED, actors.Rule_CAP, actors.Rule_DUPLICATE} {
		if outcomes[rule] < 500 {
			t.Errorf("seed %d: only %d times %v", seed, outcomes[rule], rule)
		}
	}
}

// TestBounds holds how much is kept of one user.
func TestBounds(t *testing.T) {
	deliver := func(s *State, at int64, v *actors.Verdict) {
		s.Apply(&actors.Event{Kind: actors.Kind_ACCEPTED, At: at, Message: &actors.Message{}, Verdict: v})
	}
	t.Run("scopes", func(t *testing.T) {
		p, s := parsed(t, "p", `{"caps": [{"max": 1, "per": "24h", "category": "*"}]}`), &State{}
		judge := func(i int, at int64) Decision {
			return p.Judge(&Candidate{Category: fmt.Sprint("c", i)}, nil, s, at)
		}
		for i := range maxScopes + 1 {
			deliver(s, epoch+int64(i), judge(i, epoch+int64(i)).Verdict)
		}
		if len(s.spent) != maxScopes || s.times != maxScopes {
			t.Errorf("%d scopes, %d times", len(s.spent), s.times)
		}
		if judge(0, epoch+1000).Do != Deliver || judge(1, epoch+1000).Do != Filter || judge(maxScopes, epoch+1000).Do != Filter {
			t.Error("it is not the oldest that is gone")
		}
	})
	t.Run("times", func(t *testing.T) {
		p, s := parsed(t, "p", `{"caps": [{"max": 1000, "per": "24h", "category": "*"}]}`), &State{}
		for i := range maxTimes + maxCap {
			deliver(s, epoch+int64(i), p.Judge(&Candidate{Category: fmt.Sprint("c", i/maxCap)}, nil, s, epoch+int64(i)).Verdict)
		}
		if s.times != maxTimes || len(s.spent) != maxCaps {
			t.Errorf("%d times in %d scopes", s.times, len(s.spent))
		}
		if n := s.Stored().SizeVT(); n > 200<<10 {
			t.Errorf("a snapshot of %d bytes", n)
		}
	})
	t.Run("contents", func(t *testing.T) {
		s := &State{}
		for i := range maxSaid + 5 {
			deliver(s, epoch, &actors.Verdict{Digest: uint64(i + 1), Remember: 1000})
		}
		_, first := s.saidAt(5)
		_, last := s.saidAt(6)
		if len(s.said) != maxSaid || first || !last {
			t.Errorf("%d contents are kept, the first %v, the last %v", len(s.said), first, last)
		}
	})
	t.Run("standings", func(t *testing.T) {
		s := &State{}
		stand := func(c *actors.Standing) *actors.Error {
			change, err := s.Stand(c, epoch)
			if err == nil {
				s.Apply(&actors.Event{Kind: actors.Kind_STANDING, At: epoch, Standing: change})
			}
			return err
		}
		for i := range maxStandings {
			if err := stand(&actors.Standing{Category: fmt.Sprint("c", i), Until: epoch + 1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := stand(&actors.Standing{Category: "more"}); err == nil || err.Code != actors.TooMany {
			t.Errorf("got %v", err)
		}
		if err := stand(&actors.Standing{Category: "c1", Reason: "another"}); err != nil {
			t.Errorf("got %v for one that is there", err)
		}
		if _, err := s.Stand(&actors.Standing{Category: "more"}, epoch+1); err != nil {
			t.Errorf("got %v, when others hold no more", err)
		}
		if err := stand(&actors.Standing{Reason: strings.Repeat("x", MaxReason+1)}); err == nil || err.Code != actors.TooLarge || err.Field != "reason" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("digests", func(t *testing.T) {
		s := &State{}
		gather := func(p *Policy, category string) Decision {
			d := p.Judge(&Candidate{Category: category}, nil, s, epoch)
			if d.Do == Gather {
				s.Apply(&actors.Event{Kind: actors.Kind_DIGESTED, At: epoch, Until: d.Until, Message: &actors.Message{Id: make([]byte, 16), Category: category}, Verdict: d.Verdict})
			}
			return d
		}
		passed := parsed(t, "p", `{"on_passed": "digest", "digest": {"window": "1h", "key": "{category}"}}`)
		for i := range maxWindows {
			if d := gather(passed, fmt.Sprint("c", i)); d.Do != Gather {
				t.Fatalf("%d: %v", i, d)
			}
		}
		if d := gather(passed, "c0"); d.Do != Gather {
			t.Errorf("one that is open takes nothing more: %v", d)
		}
		if d := gather(passed, "more"); d.Do != Deliver {
			t.Errorf("got %v", d)
		}
		capped := parsed(t, "q", `{"caps": [{"max": 1, "per": "1h"}], "on_capped": "digest", "digest": {"window": "1h"}}`)
		deliver(s, epoch, capped.Judge(&Candidate{}, nil, s, epoch).Verdict)
		if d := gather(capped, "more"); d.Do != Filter || !strings.Contains(d.Verdict.Value, "16 digests") {
			t.Errorf("got %v", d)
		}
		night := parsed(t, "r", `{"quiet_hours": {"from": "00:00", "to": "23:59", "zone": "UTC"}, "on_held": "digest", "digest": {"window": "1h"}}`)
		if d := gather(night, "more"); d.Do != Hold || d.Until <= epoch {
			t.Errorf("got %v", d)
		}
	})
}

// TestForeignVerdicts: what a newer program has written does no harm.
func TestForeignVerdicts(t *testing.T) {
	s := &State{}
	s.Apply(&actors.Event{Kind: actors.Kind_ACCEPTED, At: epoch, Verdict: &actors.Verdict{
		Spent: []*actors.Spent{{Scope: 1}, {Scope: 2, Keep: 1 << 31, Window: 1}, {Scope: 3, Keep: 1, Window: 1 << 60}, {Scope: 4, Keep: 1, Window: -1}},
	}})
	s.Apply(&actors.Event{Kind: actors.Kind_STANDING, At: epoch})
	s.Apply(&actors.Event{Kind: actors.Kind_DIGESTED, At: epoch, Verdict: &actors.Verdict{Gather: "x"}})
	s.Apply(&actors.Event{Kind: actors.Kind_ERASED, At: epoch})
	if !s.Empty() {
		t.Errorf("kept %v", s.Stored())
	}
}

// TestEarlierClock: a node whose clock is behind counts what another one has delivered.
func TestEarlierClock(t *testing.T) {
	p, s := parsed(t, "p", `{"caps": [{"max": 2, "per": "10s"}]}`), &State{}
	for _, at := range []int64{epoch + 5000, epoch} {
		d := p.Judge(&Candidate{}, nil, s, at)
		if d.Do != Deliver {
			t.Fatalf("got %v", d)
		}
		s.Apply(&actors.Event{Kind: actors.Kind_ACCEPTED, At: at, Verdict: d.Verdict})
	}
	for at, want := range map[int64]Do{epoch - 1000: Filter, epoch + 9999: Filter, epoch + 10_000: Deliver} {
		if d := p.Judge(&Candidate{}, nil, s, at); d.Do != want {
			t.Errorf("at %d: got %v, want %v", at-epoch, d.Do, want)
		}
	}
}

// TestRehearse plays the past of a user with another policy.
func TestRehearse(t *testing.T) {
	at := func(clock string) int64 {
		at, err := time.Parse("01-02 15:04", clock)
		if err != nil {
			t.Fatal(err)
		}
		return at.AddDate(2026, 0, 0).UnixMilli()
	}
	p := parsed(t, "p", `{"caps": [{"max": 1, "per": "12h"}], "quiet_hours": {"from": "22:00", "to": "08:00", "zone": "UTC"}, "on_capped": "digest", "digest": {"window": "1h"}}`)
	var past []Past
	for i, clock := range []string{"06-01 12:00", "06-01 12:01", "06-01 12:02", "06-01 23:00", "06-01 23:30", "06-02 23:00", "06-03 12:00"} {
		past = append(past, Past{Candidate: Candidate{Category: "a"}, ID: actors.ID{15: byte(i)}, At: at(clock)})
	}
	standings := &State{}
	standings.Apply(&actors.Event{Kind: actors.Kind_STANDING, Standing: &actors.Standing{Category: "b"}})
	past[2].Category = "b"
	var got []string
	for _, o := range p.Rehearse(past, nil, standings, at("06-03 07:00")) {
		got = append(got, fmt.Sprintf("%d %s %s %v %v", o.Past.ID[15], o.Word(), o.Rule.Word(), o.Held, time.UnixMilli(o.At).UTC().Format("02 15:04")))
	}
	want := []string{"0 delivered  false 01 12:00", "1 digest cap false 01 12:01", "2 filtered deny false 01 12:02", "3 delivered quiet_hours true 02 08:00", "4 digest cap true 02 08:00", "5 held quiet_hours true 03 08:00"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzParse: a policy is refused with a reason and a field that it has, or judges messages
// the same each time.
func FuzzParse(f *testing.F) {
	for _, body := range []string{full, `{}`, `{"caps":[{"max":1e3,"per":"31d","category":"*","tenant":"*","channel":"*"}]}`, `{"on_passed":"digest","digest":{"at":"24:00","lead":"first"}}`,
		`{"on_held":"digest","digest":{"sliding":"1s","max":"7d","title":"{total}{total}"},"quiet_hours":{"from":"00:00","to":"24:00","days":["mon"]}}`, `{"respects":[],"critical":{"passes":[]},"duplicates":{"per":"1s"}}`,
		"{\"caps\":[{\"max\":1,\"per\":\"1s\",\"category\":\"\xff\"}]}", `{"caps":[[[[`, `{"a":1}{"b":2}`, `[]`} {
		f.Add([]byte(body), int64(epoch))
	}
	f.Fuzz(func(t *testing.T, body []byte, now int64) {
		p, err := Parse("fuzz", 1, body)
		if err != nil {
			var e *actors.Error
			if !errors.As(err, &e) || e.Detail == "" || len(e.Detail) > 1000 || !utf8.ValidString(e.Detail) || p != nil {
				t.Fatalf("%q: got %v", body, err)
			}
			return
		}
		now = epoch + now%(400*24*60*60*1000)
		s, who := &State{}, &profile.State{}
		for i := range 40 {
			c := &Candidate{Category: []string{"promo", "order"}[i%2], Tenant: []string{"", "acme"}[i/2%2], Channel: "inapp", Digest: uint64(1 + i%3), Seed: uint64(i) << 50}
			if i%7 == 0 {
				c.Priority = actors.Priority_CRITICAL
			}
			now += int64(i) * 1000
			d := p.Judge(c, who, s, now)
			if again := p.Judge(c, who, s, now); again.Do != d.Do || again.Until != d.Until || again.Key != d.Key {
				t.Fatalf("%s: %v, and then %v", body, d, again)
			}
			if (d.Do == Hold || d.Do == Gather) != (d.Until > now) && d.Do != Deliver {
				t.Fatalf("%s: at %d: %v", body, now, d)
			}
			kind := map[Do]actors.Kind{Deliver: actors.Kind_ACCEPTED, Hold: actors.Kind_ACCEPTED, Filter: actors.Kind_FILTERED, Gather: actors.Kind_DIGESTED}[d.Do]
			s.Apply(&actors.Event{Kind: kind, At: now, Until: d.Until, Message: &actors.Message{Id: make([]byte, 16), Category: c.Category, Tenant: c.Tenant}, Verdict: d.Verdict})
			p.Explain(c, who, s, now)
		}
	})
}

// full has all that a policy can say but what excludes itself.
const full = `{"caps": [{"max": 3, "per": "24h", "category": "promo"}, {"max": 10, "per": "7d"}, {"max": 5, "per": "1h", "tenant": "*", "channel": "inapp"}],
"quiet_hours": {"from": "22:00", "to": "08:00", "zone": "user", "days": ["mon", "tue"], "holidays": ["2026-10-01"]}, "duplicates": {"per": "10m"},
"on_held": "hold", "on_capped": "digest", "on_passed": "deliver", "digest": {"key": "{category}", "window": "1h", "title": "{total} new"},
"critical": {"passes": ["caps", "quiet_hours"]}, "respects": ["quiet_hours", "subscription", "mute"], "release": {"spread": "5m"}}`

// BenchmarkJudge judges and spends, for a message that three caps and quiet hours let pass.
func BenchmarkJudge(b *testing.B) {
	p := parsed(b, "p", `{"caps": [{"max": 3, "per": "24h", "category": "order"}, {"max": 10, "per": "7d"}, {"max": 20, "per": "30d", "tenant": "*"}], "quiet_hours": {"from": "22:00", "to": "08:00", "zone": "user"}}`)
	who := &profile.State{}
	who.Apply(&actors.Event{Seq: 1, Profile: &actors.ProfileChange{Profile: &actors.Profile{Zone: "Europe/Berlin"}}})
	zones := actors.NewZones(time.LoadLocation)
	s := &State{}
	c := &Candidate{Category: "order", Channel: "inapp", Zones: zones.Find}
	const day = 24 * 60 * 60 * 1000
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC).UnixMilli()
	now := noon
	b.ReportAllocs()
	for b.Loop() {
		if now += 2 * day; now > noon+100*day {
			now = noon
			*s = State{}
		}
		d := p.Judge(c, who, s, now)
		if d.Do != Deliver {
			b.Fatal(d)
		}
		s.Apply(&actors.Event{Kind: actors.Kind_ACCEPTED, At: now, Verdict: d.Verdict})
	}
}

// BenchmarkNoPolicy judges without a policy.
func BenchmarkNoPolicy(b *testing.B) {
	var p *Policy
	who := &profile.State{}
	who.Apply(&actors.Event{Seq: 1, Profile: &actors.ProfileChange{Profile: &actors.Profile{Zone: "Europe/Berlin"}}})
	c := &Candidate{Category: "order", Channel: "inapp"}
	b.ReportAllocs()
	for b.Loop() {
		p.Judge(c, who, nil, epoch)
	}
}
