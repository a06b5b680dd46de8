package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"reddot/transports"
)

// TestExplainCampaign: of a campaign, and of each of its messages, it is told which arm is the
// user's, that the user is held out, or that the user was not in the audience.
func TestExplainCampaign(t *testing.T) {
	a, _ := start(t, testConfig(t))
	ask := asking(t, func() string { return a.URL() })
	const users = 12
	for i := range users {
		ask("PUT", fmt.Sprint("/v1/users/u", i), `{"tags":["vip"]}`, http.StatusOK)
	}
	ask("POST", "/v1/users/zoe/messages", `{"title":"x"}`, http.StatusCreated)
	ask("PUT", "/v1/segments/vips", `{"where":"'vip' in tags"}`, http.StatusCreated)
	v := ask("PUT", "/v1/campaigns/spring", `{"to":{"segment":"vips"},"arms":[{"name":"a","message":{"title":"A"}},{"name":"b","message":{"title":"B"}}],"holdout":30}`, http.StatusCreated)
	ask("POST", "/v1/campaigns/spring/submit", "", http.StatusOK)
	ask("POST", "/v1/campaigns/spring/approve", fmt.Sprintf(`{"version":1,"hash":%q}`, v["hash"]), http.StatusOK)
	ask("POST", "/v1/campaigns/spring/start", "", http.StatusOK)
	var run map[string]any
	eventually(t, "the campaign is done", func() bool {
		run, _ = ask("GET", "/v1/campaigns/spring", "", http.StatusOK)["run"].(map[string]any)
		return run["state"] == "done"
	})
	ids := run["rounds"].([]any)[0].(map[string]any)["messages"].([]any)
	explain := func(user, query string) (state, text string, part map[string]any) {
		t.Helper()
		x := ask("GET", "/v1/users/"+user+"/explain?"+query, "", http.StatusOK)
		o := x["outcome"].(map[string]any)
		part, _ = x["campaign"].(map[string]any)
		return o["state"].(string), o["text"].(string), part
	}
	for i := range users {
		user := fmt.Sprint("u", i)
		of := ask("GET", "/v1/campaigns/spring/arm?user="+user, "", http.StatusOK)
		want, own := "held_out", ""
		if of["held_out"] == false {
			want, own = "unseen", of["arm"].(string)
		}
		if state, text, part := explain(user, "campaign=spring"); state != want || part["held_out"] != of["held_out"] || part["name"] != "spring" || part["round"] != 1.0 {
			t.Errorf("%s: got %s %s %v", user, state, text, part)
		}
		for arm, id := range ids {
			name := []string{"a", "b"}[arm]
			want := want
			if own != "" && own != name {
				want = "other_arm"
			}
			state, text, part := explain(user, "message="+id.(string))
			if state != want || part["name"] != "spring" || want == "other_arm" && !strings.Contains(text, "in the arm "+own+" ") {
				t.Errorf("%s, arm %s: got %s %s %v, want %s", user, name, state, text, part, want)
			}
		}
	}
	if state, text, _ := explain("zoe", "campaign=spring&round=1"); state != "not_in_audience" && state != "held_out" {
		t.Errorf("got %s %s", state, text)
	}
	for query, status := range map[string]int{
		"campaign=none": http.StatusNotFound, "campaign=spring&round=2": http.StatusNotFound, "campaign=spring&round=0": http.StatusBadRequest, "round=1": http.StatusBadRequest,
		"campaign=spring&message=" + ids[0].(string): http.StatusBadRequest, "": http.StatusBadRequest,
	} {
		if got, text := call(t, "GET", a.URL()+"/v1/users/u0/explain?"+query, "", ""); got != status {
			t.Errorf("%s: got %d %s, want %d", query, got, text, status)
		}
	}
}

// TestExplainOwn: users are told what became of their messages, and not what others say of them.
func TestExplainOwn(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev = false
	cfg.Token.Secret = transports.NewSecret(secret)
	_, key, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Scopes: (transports.ScopeAdmin | transports.ScopePublish | transports.ScopeRead).Names()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	token, err := IssueToken(cfg, TokenOrder{User: "alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := start(t, cfg)
	ask := func(credential, method, path, body string) map[string]any {
		t.Helper()
		status, text := call(t, method, a.URL()+path, credential, body)
		if status >= 300 {
			t.Fatalf("%s %s: got %d %s", method, path, status, text)
		}
		var out map[string]any
		_ = json.Unmarshal([]byte(text), &out) // some have none
		return out
	}
	staff := key.Reveal()
	ask(staff, "PUT", "/v1/users/alice", `{"attributes":{"city":"Rome"}}`)
	ask(staff, "PUT", "/v1/segments/lapsed", `{"where":"attributes.city == 'Oslo'"}`)
	ask(staff, "PUT", "/v1/policies/strict", `{"caps":[{"max":1,"per":"24h","category":"promo"}]}`)
	publish := func(body string) string {
		return ask(staff, "POST", "/v1/users/alice/messages", body)["id"].(string)
	}
	publish(`{"title":"x","category":"promo","policy":{"name":"strict"}}`)
	capped := publish(`{"title":"x","category":"promo","policy":{"name":"strict"}}`)
	skipped := ask(staff, "POST", "/v1/messages", `{"to":{"segment":"lapsed"},"title":"x"}`)["id"].(string)
	ask(staff, "PUT", "/v1/deny/alice", `{"category":"news","reason":"threatens the staff"}`)
	denied := publish(`{"title":"x","category":"news"}`)
	for _, c := range []struct{ id, both, secret string }{
		{capped, "the rule cap says: 1 in 24h of category promo", "strict"},
		{denied, "the rule deny", "threatens the staff"},
		{skipped, "", "lapsed"},
	} {
		all := fmt.Sprint(ask(staff, "GET", "/v1/users/alice/explain?message="+c.id, ""))
		own := fmt.Sprint(ask(token, "GET", "/v1/users/me/explain?message="+c.id, ""))
		if !strings.Contains(all, c.both) || !strings.Contains(all, c.secret) {
			t.Errorf("support is told %s, want %q and %q", all, c.both, c.secret)
		}
		if !strings.Contains(own, c.both) || strings.Contains(own, c.secret) || !strings.Contains(own, "state:") {
			t.Errorf("alice is told %s, want %q without %q", own, c.both, c.secret)
		}
	}
	if got, text := call(t, "GET", a.URL()+"/v1/users/me/explain?campaign=spring", token, ""); got != http.StatusForbidden {
		t.Errorf("got %d %s", got, text)
	}
}

// TestExplainOverAPIIsQuick: with 1,000 messages in the inbox an answer takes at most 50 ms.
func TestExplainOverAPIIsQuick(t *testing.T) {
	a, _ := start(t, testConfig(t))
	ask := asking(t, func() string { return a.URL() })
	var lines strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&lines, `{"to":{"user":"alice"},"title":"%0200d","category":"order"}`+"\n", i)
	}
	if got, text := call(t, "POST", a.URL()+"/v1/messages/batch", "", lines.String()); got != http.StatusOK {
		t.Fatalf("got %d %.200s", got, text)
	}
	if n := unread(t, a, "alice"); n != 1000 {
		t.Fatalf("%d messages are there", n)
	}
	list := ask("GET", "/v1/users/alice/messages?limit=200", "", http.StatusOK)["messages"].([]any)
	path := "/v1/users/alice/explain?message=" + list[199].(map[string]any)["id"].(string)
	best := time.Hour
	for range 5 {
		begin := time.Now()
		ask("GET", path, "", http.StatusOK)
		best = min(best, time.Since(begin))
	}
	if best > 50*time.Millisecond {
		t.Errorf("an answer takes %v, want at most 50ms", best)
	}
	t.Log(best)
}
