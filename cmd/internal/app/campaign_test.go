package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestCampaign goes from a draft to the funnel: written, reviewed, started, and taken back, by
// a template in each user's locale and by a policy that caps. What was edited since its
// approval is not sent.
func TestCampaign(t *testing.T) {
	cfg := testConfig(t)
	a, _ := start(t, cfg)
	ask := asking(t, func() string { return a.URL() })
	const users = 60
	for i := range users {
		ask("PUT", fmt.Sprint("/v1/users/u", i), fmt.Sprintf(`{"tags":["vip"],"locale":%q}`, []string{"en", "zh-CN"}[i%2]), http.StatusOK)
	}
	ask("PUT", "/v1/users/other", `{}`, http.StatusOK)
	ask("PUT", "/v1/segments/vips", `{"where":"'vip' in tags"}`, http.StatusCreated)
	ask("PUT", "/v1/policies/one", `{"caps":[{"max":1,"per":"24h","category":"promo"}]}`, http.StatusCreated)
	review := func(kind, id, body string) map[string]any {
		v := ask("PUT", "/v1/"+kind+"/"+id, body, http.StatusCreated)
		ask("POST", "/v1/"+kind+"/"+id+"/submit", "", http.StatusOK)
		return ask("POST", "/v1/"+kind+"/"+id+"/approve", fmt.Sprintf(`{"version":1,"hash":%q}`, v["hash"]), http.StatusOK)
	}
	review("templates", "sale", `{"locale":"en","category":"promo","content":{"en":{"inapp":{"title":"Sale"}},"zh":{"inapp":{"title":"大促"}}}}`)
	const message = `{"template":{"id":"sale","version":1},"policy":{"name":"one"}}`
	const text = `{"to":{"segment":"vips"},"arms":[{"name":"a","message":` + message + `},{"name":"b","message":` + message + `}],"holdout":20}`
	review("campaigns", "spring", text)
	ask("POST", "/v1/users/u0/messages", `{"title":"x","category":"promo","policy":{"name":"one"}}`, http.StatusCreated) // u0 has had as many as may be
	ask("PUT", "/v1/campaigns/spring", strings.Replace(text, "20", "30", 1), http.StatusOK)
	ask("POST", "/v1/campaigns/spring/start", "", http.StatusConflict) // the newest is a draft
	ask("POST", "/v1/campaigns/spring/start", `{"version":1}`, http.StatusOK)
	until := func(state string) (run map[string]any) {
		t.Helper()
		eventually(t, "the campaign is "+state, func() bool {
			run, _ = ask("GET", "/v1/campaigns/spring", "", http.StatusOK)["run"].(map[string]any)
			return run["state"] == state
		})
		return run
	}
	run := until("done")
	ask("POST", "/v1/campaigns/spring/start", `{"version":1}`, http.StatusConflict) // its messages are in inboxes
	titles := func(user string) string {
		var all []string
		for _, m := range ask("GET", "/v1/users/"+user+"/messages", "", http.StatusOK)["messages"].([]any) {
			all = append(all, m.(map[string]any)["title"].(string))
		}
		return strings.Join(all, " ")
	}
	heldOut, funnel := 0, map[string]float64{}
	for i := range users {
		user := fmt.Sprint("u", i)
		want := []string{"Sale", "大促"}[i%2]
		if ask("GET", "/v1/campaigns/spring/arm?user="+user, "", http.StatusOK)["held_out"] == true {
			heldOut++
			want = ""
		}
		if i == 0 {
			want = "x"
		}
		if got := titles(user); got != want {
			t.Errorf("%s has %q, want %q", user, got, want)
		}
	}
	if titles("other") != "" {
		t.Error("who is not in the segment has it")
	}
	for _, arm := range run["arms"].([]any) {
		for step, n := range arm.(map[string]any)["funnel"].(map[string]any) {
			funnel[step] += n.(float64)
		}
	}
	if run["held_out"] != float64(heldOut) || funnel["accepted"]+funnel["filtered"] != float64(users-heldOut) {
		t.Errorf("held out %v of %d, funnel %v", run["held_out"], heldOut, funnel)
	}
	again := func() string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", a.URL()+"/v1/campaigns/once/start", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Idempotency-Key", "k1")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return fmt.Sprint(res.StatusCode, " ", res.Header.Get("Idempotent-Replayed"))
	}
	review("campaigns", "once", text)
	if first := again(); first != "200 " {
		t.Errorf("got %s", first)
	}
	if got, _ := call(t, "DELETE", a.URL()+"/v1/templates/sale", "", ""); got != http.StatusNoContent {
		t.Fatalf("got %d", got)
	}
	if second := again(); second != "200 true" {
		t.Errorf("a start that comes again, without its template: %s", second)
	}
	ask("POST", "/v1/campaigns/once/retract", "", http.StatusOK)
	ask("POST", "/v1/campaigns/spring/retract", "", http.StatusOK)
	until("retracted")
	eventually(t, "the other is taken back, too", func() bool {
		run, _ := ask("GET", "/v1/campaigns/once", "", http.StatusOK)["run"].(map[string]any)
		return run["state"] == "retracted"
	})
	for i := range users {
		if got := titles(fmt.Sprint("u", i)); got != "" && got != "x" {
			t.Errorf("u%d still has %q", i, got)
		}
	}
}
