package campaign_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/campaign"
	"reddot/actors/campaign/plan"
)

// A stage is a node with users, on which campaigns run. Its node can be lost.
type stage struct {
	t     *testing.T
	j     *actorstest.Journal
	clock *actorstest.Clock
	node  *actorstest.Node
}

func newStage(t *testing.T, with ...func(*actorstest.Node)) *stage {
	s := &stage{t: t, j: actorstest.NewJournal(), clock: actorstest.NewClock()}
	s.node = actorstest.NewNode(t, s.j, s.clock, actors.Limits{}, with...)
	t.Cleanup(func() {
		s.node.Stop()
		s.j.Close()
	})
	return s
}

// crash loses the node. Another one wakes whoever has something to do.
func (s *stage) crash() {
	s.node.Stop()
	s.node = actorstest.NewNode(s.t, s.j, s.clock, actors.Limits{})
	s.pass(2 * time.Minute)
}

func (s *stage) pass(d time.Duration) {
	s.clock.Advance(d)
	s.node.Fire()
}

// ask asks until the answer is certain.
func (s *stage) ask(key actors.Key, c actors.Command, once actors.Once) ([]byte, error) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		r := actors.NewRequest(key, c)
		r.Once = once
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		err := s.node.Ask(ctx, r)
		cancel()
		if err == nil || !actors.AsError(err).Temporary() {
			return r.Answer.Body, err
		}
	}
	s.t.Fatal("no answer")
	return nil, nil
}

func (s *stage) must(key actors.Key, c actors.Command) []byte {
	s.t.Helper()
	body, err := s.ask(key, c, actors.EdgeOnce(actors.NewID()))
	if err != nil {
		s.t.Fatalf("%T: %v", c, err)
	}
	return body
}

// users makes some, of whom every other is a vip.
func (s *stage) users(n int) {
	for i := range n {
		p := &actors.Profile{}
		if i%2 == 0 {
			p.Tags = []string{"vip"}
		}
		s.must(userKey(i), &actors.SetProfile{Profile: p})
	}
}

func userKey(i int) actors.Key { return actors.UserKey("default", fmt.Sprint("user", i)) }

var key = actors.CampaignKey("default", "spring")

type standing struct {
	State     string `json:"state"`
	HeldOut   int    `json:"held_out"`
	NextRound string `json:"next_round_at"`
	Rounds    []struct {
		Users int    `json:"users"`
		At    string `json:"at"`
	} `json:"rounds"`
	Arms []struct {
		Users  int            `json:"users"`
		Funnel map[string]int `json:"funnel"`
	} `json:"arms"`
}

func (s *stage) read() (out standing) {
	s.t.Helper()
	if err := json.Unmarshal(s.must(key, &actors.ReadCampaign{}), &out); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// until waits for a state.
func (s *stage) until(state string) standing {
	s.t.Helper()
	return s.await(state, func(got standing) bool { return got.State == state })
}

// await waits until the campaign stands as ok wants it.
func (s *stage) await(what string, ok func(standing) bool) standing {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		got := s.read()
		if ok(got) {
			return got
		}
		if time.Now().After(end) {
			s.t.Fatalf("the campaign is %+v, and never %s", got, what)
		}
	}
}

// titles are those of the user's messages.
func (s *stage) titles(i int) string {
	s.t.Helper()
	var page struct {
		Messages []struct {
			Title string `json:"title"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(s.must(userKey(i), &actors.List{Limit: 100}), &page); err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for _, m := range page.Messages {
		all = append(all, m.Title)
	}
	return strings.Join(all, " ")
}

func newPlan(s *stage, to *actors.Audience, titles ...string) *actors.CampaignPlan {
	id := actors.NewID()
	p := &actors.CampaignPlan{Id: id[:], Version: 1, Audience: to, At: s.clock.Now(), By: "key:ann"}
	for _, title := range titles {
		p.Arms = append(p.Arms, &actors.CampaignArm{Name: title, Weight: 1, Message: &actors.Message{
			Id: id[:], Category: "promo", Content: fmt.Appendf(nil, `"title":%q`, title),
		}})
	}
	return p
}

var vips = &actors.Audience{Segment: &actors.Segment{Name: "vips", Version: 1, Where: "'vip' in tags"}}

// TestWalk loses the node again and again while a campaign walks: in the end everybody in its
// audience has the message of the arm, once, who is held out has nothing, and the funnel says
// so. Then all of it is taken back.
func TestWalk(t *testing.T) {
	const users = 3000
	s := newStage(t)
	s.users(users)
	p := newPlan(s, vips, "red", "blue")
	p.Holdout = 100
	s.must(key, &actors.StartCampaign{Plan: p})
	for range 5 {
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // at any point of the walk
		s.crash()
	}
	got := s.until("done")
	want := map[string]int{}
	for i := range users {
		title := ""
		if i%2 == 0 {
			if arm := plan.Arm(p, fmt.Sprint("user", i)); arm >= 0 {
				title = p.Arms[arm].Name
			}
			want[title]++
		}
		if has := s.titles(i); has != title {
			t.Fatalf("user %d has %q, and should have %q", i, has, title)
		}
	}
	if got.HeldOut != want[""] || got.Arms[0].Users != want["red"] || got.Arms[1].Users != want["blue"] {
		t.Errorf("got %+v, want %v", got, want)
	}
	if got.Arms[0].Funnel["accepted"] != want["red"] || got.Arms[1].Funnel["accepted"] != want["blue"] {
		t.Errorf("the funnel says %+v, want %v", got.Arms, want)
	}
	s.must(key, &actors.SteerCampaign{To: actors.RetractCampaign, By: "key:bob"})
	s.crash()
	s.until("retracted")
	for i := range users {
		if has := s.titles(i); has != "" {
			t.Fatalf("user %d still has %q", i, has)
		}
	}
}

// TestDirect: what needs no decision for each user is one entry of the broadcast log.
func TestDirect(t *testing.T) {
	s := newStage(t)
	s.users(10)
	s.must(key, &actors.StartCampaign{Plan: newPlan(s, vips, "hello")})
	s.until("done")
	for i := range 10 {
		if has, want := s.titles(i), []string{"hello", ""}[i%2]; has != want {
			t.Errorf("user %d has %q, want %q", i, has, want)
		}
	}
	s.must(key, &actors.SteerCampaign{To: actors.RetractCampaign})
	s.until("retracted")
	if has := s.titles(0); has != "" {
		t.Errorf("it was taken back, and is here: %q", has)
	}
}

// TestRounds: rounds go by the schedule, those that went by in a pause come once, and behind
// the last one the campaign is done.
func TestRounds(t *testing.T) {
	s := newStage(t)
	s.users(4)
	p := newPlan(s, vips, "red", "blue")
	p.Cron, p.Zone = "0 9 * * *", "Asia/Shanghai"
	p.At = plan.Next(p, s.clock.Now())
	p.Until = p.At + 5*24*time.Hour.Milliseconds()
	s.must(key, &actors.StartCampaign{Plan: p})
	rounds := func(want int) standing {
		t.Helper()
		return s.await(fmt.Sprint("behind round ", want), func(got standing) bool { return len(got.Rounds) == want && got.State != "running" })
	}
	if got := rounds(0); got.State != "scheduled" {
		t.Errorf("got %+v", got)
	}
	s.pass(time.Duration(p.At-s.clock.Now()) * time.Millisecond)
	rounds(1)
	s.crash()
	s.pass(24 * time.Hour)
	rounds(2)
	s.must(key, &actors.SteerCampaign{To: actors.PauseCampaign})
	s.pass(48 * time.Hour)
	s.pass(time.Minute)
	if got := rounds(2); got.State != "paused" {
		t.Errorf("got %+v", got)
	}
	s.must(key, &actors.SteerCampaign{To: actors.ResumeCampaign})
	rounds(3)
	s.pass(24 * time.Hour)
	rounds(4)
	s.pass(24 * time.Hour)
	if got := rounds(5); got.State != "done" {
		t.Errorf("got %+v", got)
	}
	if has := len(strings.Fields(s.titles(0))); has != 5 {
		t.Errorf("user 0 has %d messages: %s", has, s.titles(0))
	}
}

// TestSteering: what can't be from where the campaign stands is a conflict, and what comes
// again under its key is answered as then.
func TestSteering(t *testing.T) {
	s := newStage(t)
	s.users(2)
	if _, err := s.ask(key, &actors.ReadCampaign{}, actors.Once{}); actors.AsError(err).Code != actors.NotFound {
		t.Errorf("it was not started: %v", err)
	}
	p := newPlan(s, vips, "red", "blue")
	p.At += time.Hour.Milliseconds()
	once := actors.CallersOnce("ann", "1")
	for range 2 {
		if _, err := s.ask(key, &actors.StartCampaign{Plan: p}, once); err != nil {
			t.Fatal(err)
		}
		s.crash()
	}
	for _, c := range []struct {
		to   actors.Steering
		want actors.Code
	}{
		{actors.ResumeCampaign, actors.Conflict}, {actors.PauseCampaign, ""}, {actors.PauseCampaign, actors.Conflict}, {actors.ResumeCampaign, ""},
		{actors.CancelCampaign, ""}, {actors.ResumeCampaign, actors.Conflict}, {actors.CancelCampaign, actors.Conflict}, {actors.RetractCampaign, ""}, {actors.RetractCampaign, actors.Conflict},
	} {
		_, err := s.ask(key, &actors.SteerCampaign{To: c.to}, actors.EdgeOnce(actors.NewID()))
		if c.want == "" && err != nil || c.want != "" && actors.AsError(err).Code != c.want {
			t.Errorf("%s: got %v, want %v", c.to, err, c.want)
		}
	}
	s.must(key, &actors.StartCampaign{Plan: newPlan(s, vips, "again")})
	s.until("done")
	if has := s.titles(0); has != "again" {
		t.Errorf("got %q", has)
	}
}

// TestPause: a round that pauses goes on where it was, also months later and on another node,
// and what nobody's inbox holds any more is forgotten once it is over.
func TestPause(t *testing.T) {
	const users = 1250 // who are there: of the others nothing is known
	s := newStage(t)
	s.users(2 * users)
	p := newPlan(s, &actors.Audience{All: true}, "red", "blue")
	p.Pace = 4000 // pages of 1,000, with pauses between
	s.must(key, &actors.StartCampaign{Plan: p})
	s.await("under way", func(got standing) bool { return len(got.Rounds) == 1 && got.Rounds[0].Users > 0 })
	s.must(key, &actors.SteerCampaign{To: actors.PauseCampaign})
	s.until("paused")
	s.crash()
	s.pass(40 * 24 * time.Hour)
	s.pass(time.Minute)
	before := s.until("paused")
	if len(before.Rounds) != 1 || before.Rounds[0].Users >= users {
		t.Fatalf("got %+v", before)
	}
	s.must(key, &actors.SteerCampaign{To: actors.ResumeCampaign})
	got := s.await("done", func(got standing) bool {
		s.pass(time.Second)
		return got.State == "done"
	})
	if got.Arms[0].Users+got.Arms[1].Users != users {
		t.Errorf("got %+v", got)
	}
	has := 0
	for i := range 2 * users {
		if title := s.titles(i); title == "red" || title == "blue" {
			has++
		}
	}
	if want := users - before.Rounds[0].Users; has != want { // of the others' inboxes it is gone
		t.Errorf("%d users have it, want %d", has, want)
	}
	s.pass(40 * 24 * time.Hour)
	s.await("without rounds", func(got standing) bool {
		s.pass(time.Minute)
		return len(got.Rounds) == 0
	})
	s.crash()
	if got := s.read(); got.State != "done" || len(got.Rounds) != 0 {
		t.Errorf("got %+v", got)
	}
}

// A looker counts how often a campaign looks for users.
type looker struct{ looks atomic.Int64 }

// Page implements campaign.Finder.
func (l *looker) Page(context.Context, string, *actors.Audience, int64, string, int) ([]string, string, error) {
	l.looks.Add(1)
	return nil, "", nil
}

// TestDurableFirst: nobody is looked for in a round that is not on disk, whatever wakes the
// campaign: after a crash it would be another round, with other messages.
func TestDurableFirst(t *testing.T) {
	l := &looker{}
	s := newStage(t, func(n *actorstest.Node) {
		n.Home.Kinds = maps.Clone(n.Home.Kinds)
		n.Home.Kinds[actors.KindCampaign] = campaign.Kind(l)
		n.Home.Load = func(job func()) { job() } // so that it has looked when a message was worked off
	})
	p := newPlan(s, vips, "red", "blue")
	p.At += time.Hour.Milliseconds()
	s.must(key, &actors.StartCampaign{Plan: p})
	s.clock.Advance(time.Hour)
	s.j.Hold()
	for range 3 {
		s.node.Send(key, &actors.TimeUp{At: s.clock.Now()})
	}
	if n := l.looks.Load(); n != 0 {
		t.Errorf("it has looked for users %d times", n)
	}
	s.j.Release()
	s.until("done")
	if n := l.looks.Load(); n != 1 {
		t.Errorf("it has looked for users %d times, want once", n)
	}
}
