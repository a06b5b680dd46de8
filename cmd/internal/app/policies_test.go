package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// asker asks a server as anybody may in --dev.
type asker struct {
	t   *testing.T
	url string
}

// ask returns the answer's status and its JSON.
func (a *asker) ask(method, path, body string) (int, map[string]any) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Error(err)
		return 0, nil
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Error(err)
	}
	var out map[string]any
	if len(b) > 0 {
		if err := json.Unmarshal(b, &out); err != nil {
			a.t.Errorf("%s %s: %d %s", method, path, res.StatusCode, b)
		}
	}
	return res.StatusCode, out
}

// TestCapHolds lets 1,000 messages come at once to a user who may get three.
func TestCapHolds(t *testing.T) {
	srv, _ := start(t, testConfig(t))
	a := &asker{t, srv.URL()}
	if status, out := a.ask("PUT", "/v1/policies/three", `{"caps":[{"max":3,"per":"24h"}]}`); status != http.StatusCreated {
		t.Fatalf("got %d %v", status, out)
	}
	var mu sync.Mutex
	outcomes := map[string]int{}
	var senders sync.WaitGroup
	for range 50 {
		senders.Go(func() {
			for range 20 {
				status, out := a.ask("POST", "/v1/users/alice/messages", `{"body":"x","policy":{"name":"three"}}`)
				if status != http.StatusCreated {
					t.Errorf("got %d %v", status, out)
				}
				mu.Lock()
				outcomes[fmt.Sprint(out["outcome"], " ", out["reason"])]++
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	if outcomes["delivered <nil>"] != 3 || outcomes["filtered cap"] != 997 {
		t.Errorf("got %v", outcomes)
	}
	if _, out := a.ask("GET", "/v1/users/alice/counts", ""); out["unread"] != 3.0 {
		t.Errorf("got %v", out)
	}
}

// TestDigestIsExact lets 300 messages come at once that are gathered: they become one, that
// has them all.
func TestDigestIsExact(t *testing.T) {
	srv, _ := start(t, testConfig(t))
	a := &asker{t, srv.URL()}
	if status, out := a.ask("PUT", "/v1/policies/batch", `{"on_passed":"digest","digest":{"sliding":"1s","max":"1h","title":"{total} likes"}}`); status != http.StatusCreated {
		t.Fatalf("got %d %v", status, out)
	}
	var mu sync.Mutex
	ids := map[string]bool{}
	var senders sync.WaitGroup
	for range 30 {
		senders.Go(func() {
			for range 10 {
				_, out := a.ask("POST", "/v1/users/alice/messages", `{"title":"a like","category":"like","policy":{"name":"batch"}}`)
				mu.Lock()
				ids[fmt.Sprint(out["id"])] = true
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	for begin := time.Now(); ; {
		status, out := a.ask("GET", "/v1/users/alice/wait?timeout=5", "")
		if counts, _ := out["counts"].(map[string]any); status == http.StatusOK && counts["unread"] == 1.0 {
			break
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("no digest came: %d %v", status, out)
		}
	}
	_, out := a.ask("GET", "/v1/users/alice/messages", "")
	list := out["messages"].([]any)
	if len(list) != 1 {
		t.Fatalf("got %v", out)
	}
	m := list[0].(map[string]any)
	data := m["data"].(map[string]any)
	for _, item := range data["items"].([]any) {
		delete(ids, item.(map[string]any)["id"].(string))
	}
	if m["title"] != "300 likes" || m["category"] != "like" || data["total"] != 300.0 || len(ids) != 0 {
		t.Errorf("got %.300v; %d are missing", m, len(ids))
	}
}

// TestSimulatePast asks what a policy would have made of what came to a user, and of a
// message now; nothing of it is written.
func TestSimulatePast(t *testing.T) {
	srv, _ := start(t, testConfig(t))
	a := &asker{t, srv.URL()}
	a.ask("PUT", "/v1/policies/one", `{"caps":[{"max":1,"per":"24h","category":"promo"}]}`)
	for _, category := range []string{"promo", "promo", "order", "promo"} {
		a.ask("POST", "/v1/users/alice/messages", fmt.Sprintf(`{"title":"x","category":%q}`, category))
	}
	a.ask("POST", "/v1/users/alice/messages", `{"title":"x","category":"promo","policy":{"name":"one"}}`)
	a.ask("POST", "/v1/users/alice/messages", `{"title":"x","category":"promo","policy":{"name":"one"}}`)
	_, before := a.ask("GET", "/v1/users/alice/journal", "")
	status, out := a.ask("POST", "/v1/policies/one/simulate", `{"user":"alice","days":7}`)
	if want := "map[delivered:5 filtered:1] map[delivered:2 filtered:4]"; status != http.StatusOK || fmt.Sprint(out["was"], " ", out["would"]) != want {
		t.Errorf("got %d %v, want %s", status, out, want)
	}
	if last := out["messages"].([]any)[5].(map[string]any); last["rule"] != "cap" || last["value"] != "1 in 24h of category promo" {
		t.Errorf("got %v", last)
	}
	if status, out := a.ask("PUT", "/v1/deny/alice", `{"category":"order","reason":"test"}`); status != http.StatusNoContent {
		t.Errorf("got %d %v", status, out)
	}
	if _, out := a.ask("POST", "/v1/policies/one/simulate", `{"user":"alice","days":7,"rules":{"caps":[{"max":2,"per":"24h"}]}}`); fmt.Sprint(out["would"]) != "map[delivered:2 filtered:4]" {
		t.Errorf("got %v", out)
	}
	_, out = a.ask("POST", "/v1/policies/one/simulate", `{"users":["alice","bob"],"message":{"title":"y","category":"promo"}}`)
	users := out["users"].([]any)
	if alice, bob := users[0].(map[string]any), users[1].(map[string]any); alice["outcome"] != "filtered" || alice["reason"] != "cap" || bob["outcome"] != "delivered" {
		t.Errorf("got %v", out)
	}
	_, after := a.ask("GET", "/v1/users/alice/journal", "")
	if len(after["events"].([]any)) != len(before["events"].([]any))+1 { // the denial
		t.Errorf("got %v", after)
	}
	if status, out := a.ask("POST", "/v1/users/alice/messages", `{"title":"x","category":"order"}`); status != http.StatusCreated || out["reason"] != "deny" {
		t.Errorf("got %d %v", status, out)
	}
	if status, _ := a.ask("DELETE", "/v1/deny/alice?category=order", ""); status != http.StatusNoContent {
		t.Errorf("got %d", status)
	}
	if _, out := a.ask("POST", "/v1/users/alice/messages", `{"title":"x","category":"order"}`); out["outcome"] != "delivered" {
		t.Errorf("got %v", out)
	}
}
