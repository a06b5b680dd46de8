package rule

import (
	"strings"
	"testing"

	"reddot/actors"
)

// TestQuotas: a quota is the last rule, and spends only what is delivered.
func TestQuotas(t *testing.T) {
	p, err := Parse("p", 2, []byte(`{"quotas":[{"name":"all","max":5,"per":"1h"},{"name":"promo","max":2,"per":"24h","category":"promo","channel":"inapp"}],"caps":[{"max":1,"per":"1h"}],"critical":{"passes":["quotas","caps"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	const now = 1_700_000_000_000
	left := map[string]int64{"all": 1, "promo": 1}
	unknown := ""
	judge := func(c Candidate, s *State) Decision {
		c.Left = func(q Quota) (int64, bool) { return left[q.Name], q.Name != unknown }
		return p.Judge(&c, nil, s, now)
	}
	spends := func(d Decision) (names string) {
		for _, q := range d.Spends {
			names += q.Name + " "
		}
		return names
	}
	promo, order := Candidate{Category: "promo", Channel: "inapp"}, Candidate{Category: "order", Channel: "inapp"}
	if d := judge(promo, nil); d.Do != Deliver || spends(d) != "all promo " {
		t.Errorf("got %+v", d)
	}
	if d := judge(order, nil); d.Do != Deliver || spends(d) != "all " {
		t.Errorf("got %+v", d)
	}
	if d := judge(Candidate{Category: "promo", Channel: "sms"}, nil); d.Do != Deliver || spends(d) != "all " {
		t.Errorf("got %+v", d)
	}
	left["promo"] = 0
	if d := judge(promo, nil); d.Do != Filter || d.Verdict.Rule != actors.Rule_QUOTA || d.Verdict.Policy != "p" || d.Verdict.Version != 2 ||
		d.Verdict.Value != "quota promo: 2 in 24h, spent until 2023-11-15T00:00:00Z" || len(d.Verdict.Spent)+len(d.Spends) != 0 {
		t.Errorf("got %+v", d)
	}
	critical := promo
	critical.Priority = actors.Priority_CRITICAL
	if d := judge(critical, nil); d.Do != Deliver || len(d.Spends) != 0 {
		t.Errorf("a critical message: %+v", d)
	}
	unknown = "all"
	if d := judge(order, nil); d.Do != Hold || d.Until != now+quotaPause || d.Verdict.Rule != actors.Rule_QUOTA {
		t.Errorf("of which nothing is known: %+v", d)
	}
	s := &State{}
	s.Apply(&actors.Event{Kind: actors.Kind_ACCEPTED, At: now, Verdict: p.Judge(&order, nil, s, now).Verdict})
	unknown = "" // what the cap stops asks no quota
	if d := judge(order, s); d.Do != Filter || d.Verdict.Rule != actors.Rule_CAP || len(d.Spends) != 0 {
		t.Errorf("what a cap stops: %+v", d)
	}
	if d := p.Judge(&promo, nil, nil, now); d.Do != Deliver || len(d.Spends) != 0 {
		t.Errorf("where quotas are not asked: %+v", d)
	}
	if !p.HasQuotas() || (*Policy)(nil).HasQuotas() {
		t.Error("who has quotas")
	}
	var stages []string
	for _, stage := range p.Explain(&promo, nil, nil, now) {
		stages = append(stages, stage.Value)
	}
	if got := stages[len(stages)-1]; got != "quota all: 5 in 1h; quota promo: 2 in 24h" {
		t.Errorf("explained as %q", got)
	}
}

// TestQuotaErrors names the field at fault.
func TestQuotaErrors(t *testing.T) {
	for body, field := range map[string]string{
		`{"quotas":{}}`: "quotas", `{"quotas":[1]}`: "quotas[0]", `{"quotas":[{"max":1,"per":"1h"}]}`: "quotas[0].name",
		`{"quotas":[{"name":"a/b","max":1,"per":"1h"}]}`: "quotas[0].name", `{"quotas":[{"name":"` + strings.Repeat("a", maxKey+1) + `","max":1,"per":"1h"}]}`: "quotas[0].name",
		`{"quotas":[{"name":"a","per":"1h"}]}`: "quotas[0].max", `{"quotas":[{"name":"a","max":0,"per":"1h"}]}`: "quotas[0].max", `{"quotas":[{"name":"a","max":1000000001,"per":"1h"}]}`: "quotas[0].max",
		`{"quotas":[{"name":"a","max":1}]}`: "quotas[0].per", `{"quotas":[{"name":"a","max":1,"per":"59s"}]}`: "quotas[0].per", `{"quotas":[{"name":"a","max":1,"per":"32d"}]}`: "quotas[0].per",
		`{"quotas":[{"name":"a","max":1,"per":"1h","category":"*"}]}`: "quotas[0].category", `{"quotas":[{"name":"a","max":1,"per":"1h","channel":"pigeon"}]}`: "quotas[0].channel",
		`{"quotas":[{"name":"a","max":1,"per":"1h","zone":"x"}]}`: "quotas[0].zone", `{"quotas":[{"name":"a","max":1,"per":"1h"},{"name":"a","max":2,"per":"1h"}]}`: "quotas[1].name",
		`{"quotas":[` + strings.Repeat(`{},`, maxQuotas) + `{}]}`: "quotas",
	} {
		if _, err := Parse("p", 1, []byte(body)); err == nil || actors.AsError(err).Field != field {
			t.Errorf("%.80s: got %v, want the field %s", body, err, field)
		}
	}
}
