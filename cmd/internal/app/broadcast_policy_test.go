package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// cast broadcasts to all and returns the message's id.
func (a *asker) cast(body string) string {
	a.t.Helper()
	status, out := a.ask("POST", "/v1/messages", `{"to":{"all":true},`+body+`}`)
	if status != http.StatusAccepted {
		a.t.Fatalf("got %d %v", status, out)
	}
	return out["id"].(string)
}

// unread returns a user's count.
func (a *asker) unread(user string) float64 {
	a.t.Helper()
	_, out := a.ask("GET", "/v1/users/"+user+"/counts", "")
	n, _ := out["unread"].(float64)
	return n
}

// known lets the users be there, so that what is broadcast from now on is for them.
func (a *asker) known(users ...string) {
	a.t.Helper()
	for _, user := range users {
		if status, out := a.ask("PUT", "/v1/users/"+user, `{"tags":["known"]}`); status != http.StatusOK && status != http.StatusCreated {
			a.t.Fatalf("got %d %v", status, out)
		}
	}
}

// explained returns what became of a message, as explain says it, and its last decision.
func (a *asker) explained(user, id string) (state string, last map[string]any) {
	a.t.Helper()
	status, out := a.ask("GET", "/v1/users/"+user+"/explain?message="+id, "")
	if status != http.StatusOK {
		a.t.Fatalf("got %d %v", status, out)
	}
	list := out["decisions"].([]any)
	return fmt.Sprint(out["outcome"].(map[string]any)["state"]), list[len(list)-1].(map[string]any)
}

// TestCapOfBroadcasts: what is broadcast and what comes to a user alone spend one cap, also of
// who slept meanwhile, and after a restart.
func TestCapOfBroadcasts(t *testing.T) {
	cfg := testConfig(t)
	srv, _ := start(t, cfg)
	a := &asker{t, srv.URL()}
	a.ask("PUT", "/v1/policies/two", `{"caps":[{"max":2,"per":"24h"}]}`)
	a.known("awake", "asleep", "mixed")
	if _, out := a.ask("POST", "/v1/users/mixed/messages", `{"title":"own","policy":{"name":"two"}}`); out["outcome"] != "delivered" {
		t.Fatalf("got %v", out)
	}
	var ids []string
	for i := range 3 {
		ids = append(ids, a.cast(fmt.Sprintf(`"title":"m%d","policy":{"name":"two"}`, i)))
		a.unread("awake")
	}
	check := func(url string) {
		t.Helper()
		a.url = url
		for user, first := range map[string]int{"awake": 2, "asleep": 2, "mixed": 1} {
			if n := a.unread(user); n != 2 {
				t.Errorf("%s has %v unread", user, n)
			}
			for i, id := range ids {
				want := "unseen"
				if i >= first {
					want = "skipped"
				}
				state, last := a.explained(user, id)
				if state != want || want == "skipped" && (last["rule"] != "cap" || last["policy"] != "two" || last["version"] != 1.0 || !strings.Contains(fmt.Sprint(last["value"]), "2 in 24h")) {
					t.Errorf("message %d of %s: %s, %v", i, user, state, last)
				}
			}
		}
		if _, out := a.ask("POST", "/v1/users/awake/messages?dry_run=true", `{"title":"x","policy":{"name":"two"}}`); out["outcome"] != "filtered" {
			t.Errorf("a third one is %v", out)
		}
	}
	check(srv.URL())
	stop(t, srv)
	srv, _ = start(t, cfg)
	check(srv.URL())
	if status, out := a.ask("POST", "/v1/messages", `{"to":{"all":true},"title":"x","policy":{"name":"none"}}`); status != http.StatusBadRequest || out["field"] != "policy" {
		t.Errorf("a policy that there is not: %d %v", status, out)
	}
}

// TestMutedBroadcast: what is broadcast waits while a user is muted, counts nowhere, and
// appears by itself; what is taken back meanwhile never does.
func TestMutedBroadcast(t *testing.T) {
	srv, _ := start(t, testConfig(t))
	a := &asker{t, srv.URL()}
	a.known("alice")
	until := time.Now().Add(3 * time.Second)
	if status, out := a.ask("PUT", "/v1/users/alice/preferences", fmt.Sprintf(`{"muted_until":%q}`, until.UTC().Format(time.RFC3339Nano))); status != http.StatusOK {
		t.Fatalf("got %d %v", status, out)
	}
	_, before := a.ask("GET", "/v1/users/alice/wait", "")
	kept, gone := a.cast(`"title":"kept"`), a.cast(`"title":"gone"`)
	if n := a.unread("alice"); n != 0 && time.Now().Before(until) {
		t.Errorf("%v unread", n)
	}
	if state, last := a.explained("alice", kept); state != "held" || last["rule"] != "mute" || last["until"] == nil {
		t.Errorf("it is %s, %v", state, last)
	}
	if status, out := a.ask("DELETE", "/v1/messages/"+gone, ""); status != http.StatusOK {
		t.Errorf("got %d %v", status, out)
	}
	status, out := a.ask("GET", fmt.Sprintf("/v1/users/alice/wait?timeout=30&after=%v", before["cursor"]), "")
	if early := time.Until(until); status != http.StatusOK || early > 0 {
		t.Fatalf("got %d %v, %v before its time", status, out, early)
	}
	events := out["events"].([]any)
	m, _ := events[0].(map[string]any)["message"].(map[string]any)
	if len(events) != 1 || m["id"] != kept || m["title"] != "kept" || a.unread("alice") != 1 {
		t.Errorf("got %v", out)
	}
	if state, last := a.explained("alice", kept); state != "unseen" {
		t.Errorf("it is %s, %v", state, last)
	}
	if state, _ := a.explained("alice", gone); state != "retracted" {
		t.Errorf("what was taken back is %s", state)
	}
	if _, out := a.ask("POST", "/v1/users/alice/messages/"+kept+"/read", ""); out["counts"].(map[string]any)["unread"] != 0.0 {
		t.Errorf("got %v", out)
	}
}

// TestDigestOfBroadcasts: what is broadcast goes into one digest with what comes to the user
// alone, and has its title there; who was away finds the same.
func TestDigestOfBroadcasts(t *testing.T) {
	cfg := testConfig(t)
	srv, _ := start(t, cfg)
	a := &asker{t, srv.URL()}
	a.ask("PUT", "/v1/policies/batch", `{"on_passed":"digest","digest":{"window":"2s","title":"{total} news"}}`)
	a.known("awake", "asleep")
	a.ask("GET", "/v1/users/awake/wait", "")
	first := a.cast(`"title":"m0","policy":{"name":"batch"}`)
	if _, out := a.ask("POST", "/v1/users/awake/messages", `{"title":"own","policy":{"name":"batch"}}`); out["outcome"] != "held" {
		t.Errorf("got %v", out)
	}
	gone := a.cast(`"title":"gone","policy":{"name":"batch"}`)
	if state, last := a.explained("awake", first); state != "digested" || last["policy"] != "batch" || last["digest"] != "batch" {
		t.Errorf("it is %s, %v", state, last)
	}
	if status, out := a.ask("DELETE", "/v1/messages/"+gone, ""); status != http.StatusOK {
		t.Errorf("got %d %v", status, out)
	}
	for user, want := range map[string]string{"awake": "2 news: m0 own", "asleep": "1 news: m0"} {
		var got string
		for began := time.Now(); got == "" && time.Since(began) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
			_, out := a.ask("GET", "/v1/users/"+user+"/messages", "")
			for _, m := range out["messages"].([]any) {
				m := m.(map[string]any)
				got += fmt.Sprint(m["title"], ":")
				for _, item := range m["data"].(map[string]any)["items"].([]any) {
					got += fmt.Sprint(" ", item.(map[string]any)["title"])
				}
			}
		}
		if got != want || a.unread(user) != 1 {
			t.Errorf("%s has %q, %v unread; want %q", user, got, a.unread(user), want)
		}
	}
	stop(t, srv)
	srv, _ = start(t, cfg)
	a.url = srv.URL()
	if n := a.unread("awake"); n != 1 {
		t.Errorf("after a restart %v are unread", n)
	}
}
