package plan

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"reddot/actors"
)

func newPlan(holdout uint32, weights ...uint32) *actors.CampaignPlan {
	id := actors.NewID()
	p := &actors.CampaignPlan{Id: id[:], Holdout: holdout}
	for i, w := range weights {
		p.Arms = append(p.Arms, &actors.CampaignArm{Name: fmt.Sprint(i), Weight: w, Message: &actors.Message{}})
	}
	return p
}

// TestShares: of many users each arm has its share, and so has the holdout, within five
// standard deviations.
func TestShares(t *testing.T) {
	const users = 200_000
	for _, c := range []struct {
		holdout uint32
		weights []uint32
	}{{0, []uint32{1}}, {100, []uint32{1, 1}}, {5, []uint32{1, 2, 7}}, {500, []uint32{1000, 1}}, {333, []uint32{1, 1, 1, 1, 1, 1, 1, 1}}} {
		p := newPlan(c.holdout, c.weights...)
		got := make([]int, len(c.weights)+1)
		for i := range users {
			got[Arm(p, fmt.Sprint("user", i))+1]++
		}
		sum := uint32(0)
		for _, w := range c.weights {
			sum += w
		}
		for i, n := range got {
			share := float64(c.holdout) / 1000
			if i > 0 {
				share = (1 - share) * float64(c.weights[i-1]) / float64(sum)
			}
			if off := math.Abs(float64(n) - users*share); off > 5*math.Sqrt(users*share*(1-share)) {
				t.Errorf("holdout %d, weights %v: arm %d has %d of %d users, want %.0f", c.holdout, c.weights, i-1, n, users, users*share)
			}
		}
	}
}

// TestArmsStay: a user's arm is the same in each round, and another start deals anew.
func TestArmsStay(t *testing.T) {
	p, q := newPlan(0, 1, 1), newPlan(0, 1, 1)
	same := 0
	for i := range 1000 {
		user := fmt.Sprint("user", i)
		arm := Arm(p, user)
		if again := Arm(p, user); again != arm {
			t.Fatalf("%s is in the arms %d and %d", user, arm, again)
		}
		if arm == Arm(q, user) {
			same++
		}
	}
	if same < 400 || same > 600 {
		t.Errorf("%d of 1,000 users are in the same arm of another start", same)
	}
}

// TestMessageIDs: each round and arm has an id of its own, which sorts by the round's time.
func TestMessageIDs(t *testing.T) {
	p, q := newPlan(0, 1, 1), newPlan(0, 1, 1)
	seen := map[actors.ID]bool{}
	for _, p := range []*actors.CampaignPlan{p, q} {
		last := ""
		for round := range uint32(50) {
			for arm := range 2 {
				id := MessageID(p, round, 1_700_000_000_000+int64(round), arm)
				if again := MessageID(p, round, 1_700_000_000_000+int64(round), arm); again != id || seen[id] {
					t.Fatalf("round %d, arm %d: %s, and %s", round, arm, id, again)
				}
				if seen[id] = true; id.String()[:13] < last {
					t.Errorf("%s comes behind %s", id, last)
				}
				last = id.String()[:13]
				if parsed, err := actors.ParseID(id.String()); err != nil || parsed != id || id[6]>>4 != 7 {
					t.Errorf("%s is no id: %v", id, err)
				}
			}
		}
	}
}

// TestNext: rounds go by the wall clock of the zone, also where it is put forward and back.
func TestNext(t *testing.T) {
	for _, c := range []struct{ zone, cron, behind, want string }{
		{"Asia/Shanghai", "0 9 * * *", "2026-12-01T00:30:00Z", "2026-12-01T01:00:00Z"},
		{"Asia/Shanghai", "0 9 * * *", "2026-12-01T01:00:00Z", "2026-12-02T01:00:00Z"},
		{"America/New_York", "30 2 * * *", "2026-03-08T05:00:00Z", "2026-03-08T07:00:00Z"}, // the gap's end
		{"America/New_York", "30 1 * * *", "2026-11-01T04:00:00Z", "2026-11-01T05:30:00Z"}, // the first of two
		{"America/New_York", "30 1 * * *", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}, // not the second one
		{"Europe/Berlin", "0 8 * * 1-5", "2026-03-27T12:00:00Z", "2026-03-30T06:00:00Z"},   // Monday, in summer time
		{"UTC", "0 9 13 * 5", "2026-12-01T00:00:00Z", "2027-08-13T09:00:00Z"},              // a Friday that is the 13th
		{"UTC", "0 0 29 2 *", "2026-12-01T00:00:00Z", "2028-02-29T00:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.behind)
		if err != nil {
			t.Fatal(err)
		}
		p := newPlan(0, 1)
		p.Cron, p.Zone = c.cron, c.zone
		if got := time.UnixMilli(Next(p, at.UnixMilli())).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s behind %s: got %s, want %s", c.cron, c.zone, c.behind, got, c.want)
		}
	}
	p := newPlan(0, 1)
	if Next(p, 1) != 0 {
		t.Error("one without cron has another round")
	}
	p.Cron, p.Zone, p.Until = "0 9 * * *", "UTC", 1
	if Next(p, time.Now().UnixMilli()) != 0 {
		t.Error("there is a round behind the last")
	}
}

// TestFill: the first round is as the schedule says, and never before the start.
func TestFill(t *testing.T) {
	now := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct{ schedule, want string }{
		{`null`, "2026-12-01T08:00:00Z"},
		{`{"at":"2026-12-24T09:00:00Z"}`, "2026-12-24T09:00:00Z"},
		{`{"at":"2026-11-24T09:00:00Z"}`, "2026-12-01T08:00:00Z"},
		{`{"cron":"0 9 * * *","zone":"UTC"}`, "2026-12-01T09:00:00Z"},
		{`{"cron":"0 9 * * *","zone":"UTC","from":"2026-12-05T09:00:00Z"}`, "2026-12-05T09:00:00Z"},
		{`{"cron":"0 9 * * *","zone":"UTC","until":"2026-12-01T08:30:00Z"}`, ""},
	} {
		text, err := Parse([]byte(`{"to":{"all":true},"message":{"title":"x"},"holdout":12.5,"pace":7,"schedule":` + c.schedule + `}`))
		if err != nil {
			t.Fatalf("%s: %v", c.schedule, err)
		}
		p := newPlan(0, 1)
		err = nil
		if bad := text.Fill(p, now.UnixMilli()); bad != nil {
			err = bad
		}
		got := ""
		if err == nil {
			got = time.UnixMilli(p.At).UTC().Format(time.RFC3339)
		}
		if got != c.want || p.Holdout != 125 || p.Pace != 7 {
			t.Errorf("%s: got %s, %v, want %s", c.schedule, got, err, c.want)
		}
	}
}

// FuzzText: what is taken is stored and read again as the same text.
func FuzzText(f *testing.F) {
	for _, text := range []string{
		`{"to":{"all":true},"message":{"title":"x"}}`,
		`{"to":{"list":"a"},"arms":[{"name":"a","weight":3,"message":{"title":"x"}}],"holdout":0.1,"pace":5,"schedule":{"cron":"0 9 * * 1","zone":"Asia/Shanghai","until":"2030-01-01T00:00:00Z"}}`,
		`{"schedule":{"cron":"*/5 * L * ?","zone":"UTC"}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text, err := Parse(body)
		if err != nil {
			return
		}
		again, err := Parse(text.Body())
		if err != nil || again.Hash() != text.Hash() || !json.Valid(text.Body()) {
			t.Fatalf("%s became %s: %v", body, text.Body(), err)
		}
		if strings.Contains(text.Hash(), " ") || len(text.All()) == 0 {
			t.Fatalf("%s has no arms", body)
		}
		p := newPlan(0, 1)
		if bad := text.Fill(p, 1_700_000_000_000); bad == nil && p.At < 1_700_000_000_000 {
			t.Fatalf("%s begins at %d", body, p.At)
		}
	})
}
