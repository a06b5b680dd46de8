package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestJudgedAreCounted: what the rules say is counted by the rule and what came of it, once, and
// not again by a start that reads the journal; and so are the users of a campaign.
func TestJudgedAreCounted(t *testing.T) {
	cfg := testConfig(t)
	a, _ := start(t, cfg)
	ask := asking(t, func() string { return a.URL() })
	want := func(lines ...string) {
		t.Helper()
		_, text := call(t, "GET", a.URL()+"/metrics", "", "")
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("there is no %s", line)
			}
		}
	}
	now := time.Now().UTC()
	quiet := fmt.Sprintf(`"quiet_hours":{"from":%q,"to":%q,"zone":"UTC"}`, now.Add(-time.Hour).Format("15:04"), now.Add(2*time.Hour).Format("15:04"))
	ask("PUT", "/v1/policies/one", `{"caps":[{"max":1,"per":"24h","category":"promo"}]}`, http.StatusCreated)
	ask("PUT", "/v1/policies/late", `{`+quiet+`,"on_held":"hold"}`, http.StatusCreated)
	ask("PUT", "/v1/policies/sum", `{"caps":[{"max":1,"per":"24h","category":"promo"}],"on_capped":"digest","digest":{"key":"d","window":"1h"}}`, http.StatusCreated)
	for _, policy := range []string{"one", "one", "one", "sum", "late"} {
		ask("POST", "/v1/users/ann/messages", fmt.Sprintf(`{"title":"x","category":"promo","policy":{"name":%q}}`, policy), http.StatusCreated)
	}
	ask("POST", "/v1/users/ann/messages", `{"title":"x"}`, http.StatusCreated)
	ask("POST", "/v1/users/ann/messages", `{"title":"x","send_at":"2099-01-01T00:00:00Z"}`, http.StatusCreated)
	want(`reddot_rules_total{outcome="passed",rule="none"} 2`, `reddot_rules_total{outcome="filtered",rule="cap"} 2`,
		`reddot_rules_total{outcome="gathered",rule="cap"} 1`, `reddot_rules_total{outcome="held",rule="quiet_hours"} 1`)
	ask("PUT", "/v1/users/bob", `{"tags":["x"]}`, http.StatusOK)
	v := ask("PUT", "/v1/campaigns/spring", `{"to":{"all":true},"message":{"title":"A"},"pace":100}`, http.StatusCreated)
	ask("POST", "/v1/campaigns/spring/submit", "", http.StatusOK)
	ask("POST", "/v1/campaigns/spring/approve", fmt.Sprintf(`{"version":1,"hash":%q}`, v["hash"]), http.StatusOK)
	ask("POST", "/v1/campaigns/spring/start", "", http.StatusOK)
	eventually(t, "the campaign is done", func() bool {
		run, _ := ask("GET", "/v1/campaigns/spring", "", http.StatusOK)["run"].(map[string]any)
		return run["state"] == "done"
	})
	want(`reddot_campaign_users_total{outcome="asked"} 2`, `reddot_rules_total{outcome="passed",rule="none"} 4`)
	stop(t, a)
	a, _ = start(t, cfg)
	ask("GET", "/v1/users/ann/messages", "", http.StatusOK)
	want(`reddot_rules_total{outcome="passed",rule="none"} 0`, `reddot_rules_total{outcome="filtered",rule="cap"} 0`)
}
