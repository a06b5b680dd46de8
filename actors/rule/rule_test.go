package rule

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/cockroachdb/datadriven"
	"google.golang.org/protobuf/encoding/protojson"

	"reddot/actors"
	"reddot/actors/profile"
)

// TestRules runs the transcripts in testdata, one for each rule: what becomes of messages to
// a user, and what the rules keep of it. To take in a wanted change:
// go test ./actors/rule -run '^TestRules$' -rewrite, then read the diff.
func TestRules(t *testing.T) {
	datadriven.Walk(t, "testdata/rules", func(t *testing.T, path string) {
		s := &script{t: t, state: &State{}, who: &profile.State{}, policies: map[string]*Policy{}, now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC).UnixMilli()}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.t = t
			s.out.Reset()
			s.run(d)
			s.compare()
			return s.out.String()
		})
	})
}

// script is one user, with an inbox that is no more than what waits.
type script struct {
	t        *testing.T
	out      strings.Builder
	now      int64
	seq      uint64
	who      *profile.State
	state    *State
	policies map[string]*Policy
	waiting  []*waiting
}

// waiting is a message that is held.
type waiting struct {
	message *actors.Message
	title   string
	until   int64
}

func (s *script) say(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func (s *script) clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("01-02 15:04:05") }

func (s *script) run(d *datadriven.TestData) {
	switch d.Cmd {
	case "policy":
		name := d.CmdArgs[0].Key
		version := uint64(1)
		if old := s.policies[name]; old != nil {
			version = old.version + 1
		}
		p, err := Parse(name, version, []byte(d.Input))
		if err != nil {
			s.say("%v", err)
			return
		}
		s.policies[name] = p
	case "profile":
		p := &actors.Profile{}
		for _, a := range d.CmdArgs {
			if a.Key == "zone" {
				p.Zone = a.Vals[0]
			}
		}
		s.seq++
		s.who.Apply(&actors.Event{Kind: actors.Kind_PROFILE, Seq: s.seq, Profile: &actors.ProfileChange{Profile: p}})
	case "preferences":
		p := &actors.Preferences{}
		if err := protojson.Unmarshal([]byte(d.Input), p); err != nil {
			d.Fatalf(s.t, "%v", err)
		}
		s.seq++
		s.who.Apply(&actors.Event{Kind: actors.Kind_PROFILE, Seq: s.seq, Profile: &actors.ProfileChange{Preferences: p}})
	case "deny", "allow":
		s.stand(d)
	case "standings":
		s.say("%s", s.state.AppendStandings(nil, d.CmdArgs[0].Key == "allowed", s.now))
	case "publish":
		s.publish(d)
	case "explain":
		m, policy := s.message(d)
		for _, stage := range policy.Explain(s.candidate(m, policy), s.who, s.state, s.now) {
			s.say("%s", s.stageText(&stage))
		}
	case "retract":
		e := &actors.Event{Kind: actors.Kind_RETRACTED, At: s.now}
		for _, a := range d.CmdArgs {
			id := titleID(a.Key)
			if !s.state.Gathered(id) {
				s.say("%s is in no digest", a.Key)
			}
			e.Ids = append(e.Ids, id[:]...)
		}
		s.apply(e)
	case "wait":
		s.wait(d.CmdArgs[0].Key + " " + d.CmdArgs[1].Key)
	case "state":
		stored := s.state.Stored()
		for _, t := range stored.GetSpent() {
			s.say("spent %d times, keeps %d for %s", len(t.Times), t.Keep, shownDuration(t.Window))
		}
		for _, said := range stored.GetSaid() {
			s.say("said at %s, until %s", s.clock(said.At), s.clock(said.Until))
		}
		for _, w := range stored.GetWindows() {
			s.say("digest %s of %d, %s to %s", w.Key, w.Total, s.clock(w.Opened), s.clock(w.Closes))
		}
		if s.state.Empty() {
			s.say("nothing")
		}
	default:
		d.Fatalf(s.t, "no such command")
	}
}

func (s *script) stand(d *datadriven.TestData) {
	c := &actors.Standing{Allow: d.Cmd == "allow", By: "key:ops"}
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "category":
			c.Category = strings.ReplaceAll(a.Vals[0], "_", " ")
		case "channel":
			c.Channel = a.Vals[0]
		case "reason":
			c.Reason = strings.ReplaceAll(a.Vals[0], "_", " ")
		case "for":
			c.Until = s.now + s.duration(a.Vals[0])
		case "removed":
			c.Removed = true
		default:
			d.Fatalf(s.t, "no such argument: %s", a.Key)
		}
	}
	change, err := s.state.Stand(c, s.now)
	switch {
	case err != nil:
		s.say("%v", err)
	case change == nil:
		s.say("unchanged")
	default:
		s.apply(&actors.Event{Kind: actors.Kind_STANDING, At: s.now, Standing: change})
	}
}

func (s *script) duration(text string) int64 {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d.Milliseconds()
}

// titleID is the id of a message by its title.
func titleID(title string) (id actors.ID) {
	copy(id[8:], title)
	id[6], id[8] = 0x70, id[8]|0x80
	return id
}

// message is the one of a command, and the policy that it names.
func (s *script) message(d *datadriven.TestData) (*actors.Message, *Policy) {
	m := &actors.Message{Category: "default", CreatedAt: s.now}
	var policy *Policy
	title, url := "m", ""
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "by":
			if policy = s.policies[a.Vals[0]]; policy == nil {
				d.Fatalf(s.t, "there is no policy %s", a.Vals[0])
			}
			m.Policy = &actors.Policy{Name: a.Vals[0]}
		case "category":
			m.Category = a.Vals[0]
		case "tenant":
			m.Tenant = a.Vals[0]
		case "critical":
			m.Priority = actors.Priority_CRITICAL
		case "title":
			title = a.Vals[0]
		case "url":
			url = a.Vals[0]
		case "collapse":
			m.CollapseKey = a.Vals[0]
		case "for":
			m.ExpiresAt = s.now + s.duration(a.Vals[0])
		case "blocked":
			m.Screened = &actors.Verdict{Rule: actors.Rule_KEYWORDS, Value: strings.ReplaceAll(a.Vals[0], "_", " ")}
		case "unreviewed":
			m.Screened = &actors.Verdict{Rule: actors.Rule_REVIEW, Value: "the template is not approved"}
		case "locked", "off":
		default:
			d.Fatalf(s.t, "no such argument: %s", a.Key)
		}
	}
	m.Content = fmt.Appendf(nil, `"title":%q`, title)
	if url != "" {
		m.Content = fmt.Appendf(m.Content, `,"url":%q`, url)
	}
	id := titleID(title)
	m.Id = id[:]
	return m, policy
}

func (s *script) candidate(m *actors.Message, p *Policy) *Candidate {
	c := &Candidate{Category: m.Category, Tenant: m.Tenant, Channel: "inapp", Priority: m.Priority, Expires: m.ExpiresAt, Screened: m.Screened, Seed: 90_000,
		Locked: m.Category == "security", Off: m.Category == "news"}
	if p.Remembers() {
		c.Digest = Digest(m)
	}
	return c
}

func (s *script) publish(d *datadriven.TestData) {
	m, policy := s.message(d)
	var title struct{ Title string }
	if err := json.Unmarshal([]byte("{"+string(m.Content)+"}"), &title); err != nil {
		s.t.Fatal(err)
	}
	times := 1
	if d.HasArg("title") && strings.HasPrefix(title.Title, "x") {
		times, _ = strconv.Atoi(title.Title[1:])
	}
	last, n := "", 0
	for i := range times { // the same outcomes in a row are one line
		copied := m.Copy()
		if times > 1 {
			id := titleID(fmt.Sprint(title.Title, i))
			copied.Id = id[:]
		}
		text := s.judge(copied, policy, title.Title, actors.Kind_ACCEPTED)
		if text != last && n > 0 {
			s.say("%d × %s", n, last)
			n = 0
		}
		last, n = text, n+1
	}
	if times > 1 {
		s.say("%d × %s", n, last)
	} else {
		s.say("%s", last)
	}
}

// judge is what an inbox does with a message that comes, or is released.
func (s *script) judge(m *actors.Message, policy *Policy, title string, delivers actors.Kind) string {
	c := s.candidate(m, policy)
	d := policy.Judge(c, s.who, s.state, s.now)
	s.agrees(policy, c, &d)
	e := &actors.Event{Kind: delivers, At: s.now, Ids: m.Id, Message: m, Verdict: d.Verdict}
	text := ""
	switch d.Do {
	case Deliver:
		text = "delivered"
		if d.Verdict.GetOpens() != 0 {
			text += fmt.Sprintf(", opens digest %s until %s", d.Verdict.Gather, s.clock(d.Verdict.Opens))
		}
		s.apply(e)
	case Hold:
		text = "held until " + s.clock(d.Until)
		s.waiting = append(s.waiting, &waiting{m, title, d.Until})
		e.State, e.Until = actors.State_SCHEDULED, d.Until
		s.apply(e)
	case Filter:
		text = "filtered"
		e.Kind = actors.Kind_FILTERED
		s.apply(e)
	case Gather:
		text = fmt.Sprintf("gathered in %s until %s", d.Key, s.clock(d.Until))
		e.Kind, e.Until = actors.Kind_DIGESTED, d.Until
		s.apply(e)
	}
	return text + verdictText(d.Verdict)
}

// agrees checks that what is explained is what was decided.
func (s *script) agrees(policy *Policy, c *Candidate, d *Decision) {
	stages := policy.Explain(c, s.who, s.state, s.now)
	i := slices.IndexFunc(stages, func(stage Stage) bool { return stage.Do != Deliver })
	switch {
	case i < 0:
		if d.Verdict.GetRule() != actors.Rule_PASSED {
			s.t.Errorf("nothing that is explained objects, and it was decided: %v", d)
		}
	case d.Verdict.GetRule() == actors.Rule_DUPLICATE && stages[i].Do == Gather:
	case stages[i].Rule != d.Verdict.GetRule() || stages[i].Do != d.Do || stages[i].Value != d.Verdict.GetValue() || stages[i].Until != d.Until ||
		stages[i].Policy != d.Verdict.GetPolicy() || stages[i].Version != d.Verdict.GetVersion():
		s.t.Errorf("explained: %+v; decided: %+v", stages[i], d)
	}
}

func verdictText(v *actors.Verdict) (text string) {
	if v == nil {
		return ""
	}
	if v.Rule != actors.Rule_PASSED {
		text = " by " + strings.ToLower(v.Rule.String()) + ": " + v.Value
	}
	if v.Policy != "" {
		text += fmt.Sprintf(" [%s %d]", v.Policy, v.Version)
	}
	for _, spent := range v.Spent {
		text += fmt.Sprintf(" spends 1 of %d in %s", spent.Keep, shownDuration(spent.Window))
	}
	return text
}

func (s *script) stageText(stage *Stage) string {
	text := strings.ToLower(stage.Rule.String()) + ": " + map[Do]string{Deliver: "pass", Hold: "hold", Filter: "filter", Gather: "gather"}[stage.Do]
	if stage.Until != 0 {
		text += " until " + s.clock(stage.Until)
	}
	if stage.Value != "" {
		text += ", " + stage.Value
	}
	if stage.Policy != "" {
		text += fmt.Sprintf(" [%s %d]", stage.Policy, stage.Version)
	}
	return text
}

// wait lets time pass: what is due is judged anew, and digests close.
func (s *script) wait(text string) {
	to, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		s.t.Fatal(err)
	}
	for {
		next, digest := to.UnixMilli(), false
		if due := s.state.Due(); due <= next {
			next, digest = due, true
		}
		i := -1
		for n, w := range s.waiting {
			if w.until <= next {
				i, next, digest = n, w.until, false
			}
		}
		s.now = max(s.now, next)
		switch {
		case digest:
			key, ok := s.state.Closing(s.now)
			if !ok {
				s.t.Fatal("a digest is due, and none closes")
			}
			c, _ := s.state.Close(key, s.now)
			if c.Total == 0 {
				s.say("%s digest %s is empty", s.clock(s.now), key)
				s.apply(&actors.Event{Kind: actors.Kind_FILTERED, At: s.now, Message: &actors.Message{Id: make([]byte, 16)}, Verdict: &actors.Verdict{Gather: key}})
				continue
			}
			if !json.Valid([]byte("{"+string(c.Content)+"}")) || len(c.Content) > 65<<10 {
				s.t.Errorf("a digest of %d bytes: %.200s", len(c.Content), c.Content)
			}
			content := string(c.Content)
			if len(content) > 400 {
				content = fmt.Sprintf("%d bytes, %d items", len(content), c.Items)
			}
			s.say("%s digest of %s %s: %s", s.clock(s.now), c.Category, c.Tenant, content)
			s.apply(&actors.Event{Kind: actors.Kind_ACCEPTED, At: s.now, Message: &actors.Message{Id: make([]byte, 16), Content: c.Content}, Verdict: &actors.Verdict{Gather: key}})
		case i >= 0:
			w := s.waiting[i]
			s.waiting = slices.Delete(s.waiting, i, i+1)
			s.say("%s %s %s", s.clock(s.now), w.title, s.judge(w.message, s.policies[w.message.Policy.GetName()], w.title, actors.Kind_DUE))
		default:
			return
		}
	}
}

// apply takes in an event as it is stored.
func (s *script) apply(e *actors.Event) {
	raw := actors.EncodeEvent(nil, e)
	decoded := &actors.Event{}
	if err := actors.DecodeInto(raw, decoded); err != nil {
		s.t.Fatal(err)
	}
	s.state.Apply(decoded)
}

// compare checks that a snapshot holds the whole state.
func (s *script) compare() {
	s.t.Helper()
	again := s.state.Clone()
	if got, want := protojson.Format(again.Stored()), protojson.Format(s.state.Stored()); got != want {
		s.t.Errorf("restored:\n%s\nwant:\n%s", got, want)
	}
	if again.times != s.state.times || again.Due() != s.state.Due() {
		s.t.Errorf("restored %d times, due %d; want %d, %d", again.times, again.Due(), s.state.times, s.state.Due())
	}
	if len(s.state.windows) > 0 && again.windows[0].size != s.state.windows[0].size {
		s.t.Errorf("restored %d bytes of items, want %d", again.windows[0].size, s.state.windows[0].size)
	}
	s.state = again // and goes on with it
}
