package app

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestQuota lets many publish at once to many users who share a quota of 50: exactly 50 have
// something, by whatever door it comes, and a dry run, or what a cap stops, spends nothing.
func TestQuota(t *testing.T) {
	cfg := testConfig(t)
	srv, _ := start(t, cfg)
	a := &asker{t, srv.URL()}
	if status, out := a.ask("PUT", "/v1/policies/spring", `{"quotas":[{"name":"spring","max":50,"per":"31d"}],"caps":[{"max":1,"per":"24h","category":"once"}]}`); status != http.StatusCreated {
		t.Fatalf("got %d %v", status, out)
	}
	a.ask("POST", "/v1/users/capped/messages", `{"title":"x","category":"once"}`)
	if _, out := a.ask("POST", "/v1/users/u0/messages?dry_run=true", `{"title":"x","policy":{"name":"spring"}}`); out["outcome"] != "delivered" {
		t.Errorf("a dry run is %v", out)
	}
	delivered := 0
	for range 3 { // one of them is delivered
		if _, out := a.ask("POST", "/v1/users/capped/messages", `{"title":"x","category":"once","policy":{"name":"spring"}}`); out["outcome"] == "delivered" {
			delivered++
		}
	}
	var mu sync.Mutex
	var senders sync.WaitGroup
	for n := range 20 {
		senders.Go(func() {
			for i := range 5 {
				_, out := a.ask("POST", fmt.Sprintf("/v1/users/u%d/messages", n*5+i), `{"title":"x","policy":{"name":"spring"}}`)
				mu.Lock()
				if out["outcome"] == "delivered" {
					delivered++
				} else if out["outcome"] != "filtered" || out["reason"] != "quota" {
					t.Errorf("got %v", out)
				}
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	if delivered != 50 {
		t.Errorf("%d were delivered", delivered)
	}
	check := func() {
		t.Helper()
		status, out := a.ask("POST", "/v1/messages", `{"to":{"users":["late","later"]},"title":"x","policy":{"name":"spring"}}`)
		if status != http.StatusAccepted {
			t.Fatalf("got %d %v", status, out)
		}
		id := fmt.Sprint(out["id"])
		eventually(t, "who is late is told why", func() bool {
			_, out := a.ask("GET", "/v1/users/late/explain?message="+id, "")
			list, _ := out["decisions"].([]any)
			if len(list) == 0 {
				return false
			}
			last := list[len(list)-1].(map[string]any)
			return last["what"] == "filtered" && last["rule"] == "quota" && last["policy"] == "spring" && last["version"] == 1.0
		})
		if n := a.unread("later"); n != 0 {
			t.Errorf("later has %v", n)
		}
		_, out = a.ask("GET", "/v1/quotas", "")
		list := out["quotas"].([]any)
		if q := list[0].(map[string]any); len(list) != 1 || q["name"] != "spring" || q["taken"] != 50.0 {
			t.Errorf("got %v", out)
		}
	}
	check()
	if status, out := a.ask("POST", "/v1/messages", `{"to":{"all":true},"title":"x","policy":{"name":"spring"}}`); status != http.StatusBadRequest || out["field"] != "policy" {
		t.Errorf("a broadcast under a quota: %d %v", status, out)
	}
	if status, out := a.ask("GET", "/v1/quotas?next=no/name", ""); status != http.StatusBadRequest {
		t.Errorf("got %d %v", status, out)
	}
	stop(t, srv)
	srv, _ = start(t, cfg)
	a.url = srv.URL()
	check()
}

// TestQuotaOfReleased: what waits spends when it is released, all users' together no more than
// may be.
func TestQuotaOfReleased(t *testing.T) {
	srv, _ := start(t, testConfig(t))
	a := &asker{t, srv.URL()}
	a.ask("PUT", "/v1/policies/spring", `{"quotas":[{"name":"spring","max":3,"per":"31d"}]}`)
	at := time.Now().Add(1500 * time.Millisecond).UTC().Format(time.RFC3339Nano)
	const users = 6
	for i := range users {
		if _, out := a.ask("POST", fmt.Sprintf("/v1/users/u%d/messages", i), fmt.Sprintf(`{"title":"x","send_at":%q,"policy":{"name":"spring"}}`, at)); out["outcome"] != "scheduled" {
			t.Fatalf("got %v", out)
		}
	}
	shown := func() (n float64, over int) {
		for i := range users {
			n += a.unread(fmt.Sprint("u", i))
			_, out := a.ask("GET", fmt.Sprintf("/v1/users/u%d/messages?state=scheduled", i), "")
			if list, _ := out["messages"].([]any); len(list) == 0 {
				over++
			}
		}
		return n, over
	}
	eventually(t, "all are decided", func() bool {
		n, over := shown()
		if n > 3 {
			t.Fatalf("%v have it", n)
		}
		return over == users && n == 3
	})
}
