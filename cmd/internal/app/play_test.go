//go:build unix

package app_test

import (
	"flag"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

var playSeed = flag.Uint64("play.seed", 0, "seed of TestPlay's kills; 0: a fresh one, which is printed")

// TestPlay is a day of a product team, told by its times: Ann writes, Ben reviews, a campaign
// goes to a segment under a policy, and what becomes of it is another thing for each person.
// The server, a process whose wall clock the play sets, is killed (-9) at random moments, also
// in the middle of what is said to it; whoever gets no certain answer asks again under the
// same key. At the end inbox, funnel and explain agree on everybody.
func TestPlay(t *testing.T) {
	p := newPlay(t)

	p.at("08:00", "Ann writes a template, and Ben does not like it")
	p.ann.does("PUT", "/v1/templates/sale", `{"locale":"en","category":"promo","content":{"en":{"inapp":{"title":"Sale"}}}}`, 201)
	p.ann.does("POST", "/v1/templates/sale/submit", "", 200)
	p.ben.does("POST", "/v1/templates/sale/reject", `{"version":1,"reason":"say until when"}`, 200)
	p.has("Ann is told why", p.version("templates", "sale", 1), `"say until when"`)
	p.ben.does("POST", "/v1/users/p0/messages", `{"template":{"id":"sale","version":1}}`, 409)

	p.at("08:10", "Ann mends it, and Ben approves what he has read")
	p.ann.does("PUT", "/v1/templates/sale", `{"locale":"en","category":"promo","content":{"en":{"inapp":{"title":"Sale until Sunday"}},"zh":{"inapp":{"title":"大促至周日"}}}}`, 200)
	p.ann.does("POST", "/v1/templates/sale/submit", "", 200)
	p.ann.does("POST", "/v1/templates/sale/approve", p.reviewed("templates", "sale", 2), 403)
	p.ben.does("POST", "/v1/templates/sale/approve", `{"version":2,"hash":"`+strings.Repeat("0", 64)+`"}`, 409)
	p.ben.does("POST", "/v1/templates/sale/approve", p.reviewed("templates", "sale", 2), 200)

	p.at("08:20", "who is in the segment, and what is the policy")
	p.ops.does("PUT", "/v1/policies/promo", `{"caps":[{"max":1,"per":"24h","category":"promo"}]}`, 201)
	p.ann.does("PUT", "/v1/segments/vips", `{"where":"'vip' in tags"}`, 201)
	for _, user := range p.cast {
		p.ops.does("PUT", "/v1/users/"+user, `{"tags":["vip"],"zone":"Asia/Shanghai"}`, 200)
	}
	p.ops.does("PUT", "/v1/users/olga", `{"tags":["new"]}`, 200)

	p.at("08:30", "Ann plans the campaign, and Ben lets it go")
	const plan = `{"to":{"segment":"vips"},"holdout":20,"schedule":{"at":"2026-12-15T01:00:00Z"},"message":{"category":"promo","template":{"id":"sale","version":2},"policy":{"name":"promo"}}}`
	p.ann.does("PUT", "/v1/campaigns/spring", plan, 201)
	p.ann.does("POST", "/v1/campaigns/spring/start", "", 403)
	p.ben.does("POST", "/v1/campaigns/spring/start", "", 409)
	p.ann.does("POST", "/v1/campaigns/spring/submit", "", 200)
	p.ben.does("POST", "/v1/campaigns/spring/approve", p.reviewed("campaigns", "spring", 1), 200)
	p.ben.does("POST", "/v1/campaigns/spring/start", "", 200)
	p.is("scheduled")

	p.at("08:40", "Ann edits it: what was approved goes, and not what she has made of it")
	p.ann.does("PUT", "/v1/campaigns/spring", strings.Replace(plan, `"holdout":20`, `"holdout":0`, 1), 200)
	p.ben.does("POST", "/v1/campaigns/spring/start", `{"version":2}`, 409)
	p.ann.does("PUT", "/v1/templates/sale", `{"locale":"en","category":"promo","content":{"en":{"inapp":{"title":"Sale for ever"}}}}`, 200)
	p.ben.does("POST", "/v1/users/p0/messages", `{"template":{"id":"sale","version":3}}`, 409)

	p.at("08:45", "the parts: of those who are not held out")
	rick, carl, dora, uma, nora, zhang := p.casts(), p.casts(), p.casts(), p.casts(), p.casts(), p.casts()
	p.ops.does("PUT", "/v1/users/"+zhang, `{"tags":["vip"],"locale":"zh-CN","zone":"Asia/Shanghai"}`, 200)
	p.ops.does("PUT", "/v1/users/"+nora, `{"tags":["vip"],"zone":"America/New_York"}`, 200)
	p.ops.does("PUT", "/v1/users/"+nora+"/preferences", `{"quiet_hours":{"from":"20:00","to":"07:00"}}`, 200)
	p.ops.does("PUT", "/v1/users/"+uma+"/preferences", `{"categories":{"promo":{"inapp":false}}}`, 200)
	p.ops.does("PUT", "/v1/deny/"+dora, `{"category":"promo","reason":"asked on the phone"}`, 204)
	outcomes := map[string]string{
		nora: "held quiet_hours", carl: "filtered cap", dora: "filtered deny", uma: "filtered subscription",
		zhang: "unseen", rick: "unseen", everybodyElse: "unseen", "olga": "",
	}

	p.at("08:50", "Carl has his one promotion of the day")
	p.ben.does("POST", "/v1/users/"+carl+"/messages", `{"title":"Carl's own","category":"promo","policy":{"name":"promo"}}`, 201)
	p.nobodyHas("Sale until Sunday")

	p.at("09:00", "the campaign runs")
	p.becomes("done")
	p.outcomes(outcomes)
	p.titled(zhang, "大促至周日")

	p.at("09:30", "Rick reads it")
	p.ops.does("POST", "/v1/users/"+rick+"/messages/"+p.message(rick)+"/read", "", 200)
	outcomes[rick] = "read"

	p.at("19:59", "it is 06:59 in New York, and Nora sleeps")
	p.outcomes(outcomes)

	p.at("20:00", "Nora gets it")
	p.eventually("Nora has it", func() bool { return p.titles(nora) == "Sale until Sunday" })
	outcomes[nora] = "unseen"
	p.outcomes(outcomes)
	p.funnelAgrees()

	p.at("21:00", "the price was wrong: all of it is taken back")
	p.ben.does("POST", "/v1/campaigns/spring/retract", "", 200)
	p.becomes("retracted")
	p.nobodyHas("Sale until Sunday")
	for _, user := range []string{nora, zhang, rick, everybodyElse} {
		outcomes[user] = "retracted"
	}
	p.outcomes(outcomes)
	p.titled(carl, "Carl's own")
	t.Logf("the server was killed %d times", p.killed)
}

// has tells whether an answer says something.
func (p *play) has(what, answer, want string) {
	p.t.Helper()
	if !strings.Contains(answer, want) {
		p.t.Errorf("%s: %s: got %s", p.scene, what, answer)
	}
}

// is holds the campaign's state.
func (p *play) is(state string) {
	p.t.Helper()
	if got := p.run()["state"]; got != state {
		p.t.Errorf("%s: the campaign is %v, want %s", p.scene, got, state)
	}
}

// becomes waits for the campaign's state.
func (p *play) becomes(state string) {
	p.t.Helper()
	p.eventually("the campaign is "+state, func() bool { return p.run()["state"] == state })
}

func (p *play) eventually(what string, is func() bool) {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%s: not in a minute: %s\n%s", p.scene, what, p.server.out)
		}
	}
}

func (p *play) run() map[string]any {
	p.t.Helper()
	_, out := p.ops.asks("GET", "/v1/campaigns/spring", "")
	run, _ := out["run"].(map[string]any)
	return run
}

// message returns the id of the campaign's message to a user; empty: the user is held out, or
// not in the audience.
func (p *play) message(user string) string {
	p.t.Helper()
	_, out := p.ops.asks("GET", "/v1/campaigns/spring/arm?user="+user, "")
	if out["held_out"] == true {
		return ""
	}
	rounds := p.run()["rounds"].([]any)
	return rounds[0].(map[string]any)["messages"].([]any)[0].(string)
}

// titles returns the titles in a user's inbox.
func (p *play) titles(user string) string {
	p.t.Helper()
	_, out := p.ops.asks("GET", "/v1/users/"+user+"/messages", "")
	var all []string
	list, _ := out["messages"].([]any)
	for _, m := range list {
		all = append(all, m.(map[string]any)["title"].(string))
	}
	return strings.Join(all, ", ")
}

func (p *play) nobodyHas(title string) {
	p.t.Helper()
	for _, user := range p.everybody() {
		if got := p.titles(user); strings.Contains(got, title) || strings.Contains(got, "大促") {
			p.t.Errorf("%s: %s has %q", p.scene, user, got)
		}
	}
}

// everybodyElse stands for those of the cast who have no part of their own.
const everybodyElse = "everybody else"

// outcomes holds what became of the campaign's message for each person, as explain and the
// inbox have it: the state, and the rule that made it so.
func (p *play) outcomes(want map[string]string) {
	p.t.Helper()
	for _, user := range p.everybody() {
		wanted, ok := want[user]
		if !ok {
			wanted = want[everybodyElse]
		}
		titles := p.titles(user)
		shown := strings.Contains(titles, "Sale until Sunday") || strings.Contains(titles, "大促至周日")
		id := ""
		if wanted != "" {
			id = p.message(user)
		}
		if id == "" {
			if titles != "" {
				p.t.Errorf("%s: %s, who is held out, or not in the audience, has %q", p.scene, user, titles)
			}
			continue
		}
		if got := p.outcome(user, id); got != wanted || shown != (wanted == "unseen" || wanted == "read") {
			p.t.Errorf("%s: for %s it is %q, want %q; the inbox shows %q", p.scene, user, got, wanted, titles)
		}
	}
}

// titled holds what a user's inbox shows.
func (p *play) titled(user, want string) {
	p.t.Helper()
	if got := p.titles(user); got != want {
		p.t.Errorf("%s: %s has %q, want %q", p.scene, user, got, want)
	}
}

// outcome returns what explain says: the state, and the rule of the last decision.
func (p *play) outcome(user, id string) string {
	p.t.Helper()
	status, out := p.ops.asks("GET", "/v1/users/"+user+"/explain?message="+id, "")
	if status != http.StatusOK {
		return fmt.Sprint(status, " ", out)
	}
	state := fmt.Sprint(out["outcome"].(map[string]any)["state"])
	list := out["decisions"].([]any)
	if rule, ok := list[len(list)-1].(map[string]any)["rule"]; ok && state != "unseen" {
		state += fmt.Sprint(" ", rule)
	}
	return state
}

// funnelAgrees holds the campaign's funnel against everybody's outcome.
func (p *play) funnelAgrees() {
	p.t.Helper()
	want := map[string]float64{}
	heldOut := 0.0
	for _, user := range p.everybody() {
		if user == "olga" {
			continue
		}
		id := p.message(user)
		if id == "" {
			heldOut++
			continue
		}
		switch state, _, _ := strings.Cut(p.outcome(user, id), " "); state {
		case "filtered":
			want["filtered"]++
		case "read":
			want["read"]++
			fallthrough
		default:
			want["accepted"]++
		}
	}
	run := p.run()
	funnel := run["arms"].([]any)[0].(map[string]any)["funnel"].(map[string]any)
	for step, n := range want {
		if got := funnel[step]; got != n {
			p.t.Errorf("%s: %v are %s in the funnel, want %v: %v", p.scene, got, step, n, run)
		}
	}
	if run["held_out"] != heldOut || heldOut == 0 {
		p.t.Errorf("%s: %v are held out, want %v", p.scene, run["held_out"], heldOut)
	}
}
