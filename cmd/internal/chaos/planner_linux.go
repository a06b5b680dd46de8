package chaos

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"reddot/cmd/internal/chaos/judge"
)

// A planner does what rules and reviews are for, with users of its own: it publishes under a
// cap and a quota, and lets a campaign go.
type planner struct {
	world         *world
	ops, ann, ben *caller // ann writes campaigns, ben approves them
	ruled         []judge.Ruled
	started       bool // the campaign
}

// What the planner plans.
const (
	ruledUsers   = 6
	ruledCap     = 3
	ruledQuota   = 12 // fewer than the caps would let through
	plannedUsers = 80
	plannedPace  = 20 // a second, so that faults come between
)

func newPlanner(w *world, began time.Time) *planner {
	p := &planner{world: w, ops: newCaller(w, 900, nil, nil, began, 0), ann: newCaller(w, 901, nil, nil, began, 0), ben: newCaller(w, 902, nil, nil, began, 0)}
	p.ann.key, p.ben.key = w.author, w.approver
	for i := range ruledUsers {
		p.ruled = append(p.ruled, judge.Ruled{User: fmt.Sprint("ruled-", i)})
	}
	return p
}

// live plans until stop.
func (p *planner) live(stop <-chan struct{}) {
	p.ops.insist("put a policy", request{http.MethodPut, "/v1/policies/ruled",
		fmt.Sprintf(`{"caps":[{"max":%d,"per":"31d"}],"quotas":[{"name":"ruled","max":%d,"per":"31d"}]}`, ruledCap, ruledQuota)}, false)
	for i := range plannedUsers {
		p.ops.insist("put a user", request{http.MethodPut, fmt.Sprint("/v1/users/planned-", i), `{"tags":["planned"]}`}, false)
		p.publish()
	}
	p.ops.insist("put a segment", request{http.MethodPut, "/v1/segments/planned", `{"where":"'planned' in tags"}`}, false)
	p.start()
	for {
		select {
		case <-stop:
			return
		default:
		}
		p.publish()
		time.Sleep(time.Duration(p.ops.rng.IntN(200)) * time.Millisecond)
	}
}

// start writes the campaign, has it approved, and lets it go.
func (p *planner) start() {
	const path = "/v1/campaigns/planned"
	arm := `{"name":%q,"message":{"body":"planned"}}`
	v := p.ann.insist("put a campaign", request{http.MethodPut, path,
		fmt.Sprintf(`{"to":{"segment":"planned"},"arms":[`+arm+`,`+arm+`],"holdout":20,"pace":%d}`, "a", "b", plannedPace)}, false)
	p.ann.insist("submit a campaign", request{http.MethodPost, path + "/submit", ""}, false)
	p.ben.insist("approve a campaign", request{http.MethodPost, path + "/approve", fmt.Sprintf(`{"version":1,"hash":%q}`, v.Hash)}, false)
	p.started = p.ben.insist("start a campaign", request{http.MethodPost, path + "/start", ""}, false).answered
}

// publish publishes to one of the users who have a cap.
func (p *planner) publish() {
	u := &p.ruled[p.ops.rng.IntN(len(p.ruled))]
	switch r := p.ops.insist("publish to "+u.User, request{http.MethodPost, "/v1/users/" + u.User + "/messages", `{"body":"ruled","policy":{"name":"ruled"}}`}, false); {
	case !r.answered:
		u.Unknown++
	case r.Outcome == "delivered":
		u.Delivered++
	default:
		u.Stopped = append(u.Stopped, r.Reason)
	}
}

// judge waits for the campaign's end, and holds what all have against what was planned.
func (p *planner) judge(ctx context.Context) (errs []error) {
	for _, c := range []*caller{p.ops, p.ann, p.ben} {
		errs = append(errs, c.faults...)
	}
	server := p.world.running()[0]
	for i := range p.ruled {
		n, err := p.has(ctx, server, p.ruled[i].User, "ruled")
		errs = append(errs, err)
		p.ruled[i].Has = n
	}
	errs = append(errs, judge.CheckRules(p.ruled, ruledCap, ruledQuota)...)
	if !p.started {
		return errs
	}
	var c struct {
		Run struct {
			State   string
			HeldOut int `json:"held_out"`
		}
	}
	for late := time.Now().Add(settledTime); c.Run.State != "done"; time.Sleep(100 * time.Millisecond) {
		if err := p.world.getUntil(ctx, server, "/v1/campaigns/planned", &c); err != nil {
			return append(errs, err)
		}
		if time.Now().After(late) {
			return append(errs, fmt.Errorf("the campaign is %q %v after the last fault", c.Run.State, settledTime))
		}
	}
	have := make([]int, plannedUsers)
	for i := range have {
		n, err := p.has(ctx, server, fmt.Sprint("planned-", i), "planned")
		errs = append(errs, err)
		have[i] = n
	}
	all := 0
	for _, u := range p.ruled {
		all += u.Has
	}
	p.world.say("rules: %d messages under a cap of %d and a quota of %d; a campaign to %d users holds out %d", all, ruledCap, ruledQuota, plannedUsers, c.Run.HeldOut)
	return append(errs, judge.CheckCampaign(have, c.Run.HeldOut)...)
}

// has returns how many messages a user has that say something; others are broadcasts.
func (p *planner) has(ctx context.Context, server int, user, body string) (n int, err error) {
	for next := ""; ; {
		var page struct {
			Messages []judge.Message
			Next     string
		}
		if err := p.world.getUntil(ctx, server, "/v1/users/"+user+"/messages?state=all&limit=200&next="+next, &page); err != nil {
			return 0, err
		}
		for _, m := range page.Messages {
			if m.Body == body {
				n++
			}
		}
		if next = page.Next; next == "" {
			return n, nil
		}
	}
}
