package app

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"reddot/actors"
)

// recipientsOf returns user=state of all pages of a list of recipients, in order of the users.
func recipientsOf(ask func(method, path, body string, status int) map[string]any, path string, q url.Values) (list []string, pages int) {
	for {
		page := ask("GET", path+"?"+q.Encode(), "", http.StatusOK)
		pages++
		for _, r := range page["recipients"].([]any) {
			x := r.(map[string]any)
			line := fmt.Sprint(x["user"], "=", x["state"])
			if rule, ok := x["rule"]; ok {
				line += fmt.Sprint(":", rule, ":", x["version"])
			}
			if arm, ok := x["arm"]; ok {
				line += fmt.Sprint("@", arm)
			}
			list = append(list, line)
		}
		next, ok := page["next"].(string)
		if !ok {
			slices.Sort(list)
			return list, pages
		}
		q.Set("next", next)
	}
}

// TestRecipients: who got a message, and what became of it, of each kind of message.
func TestRecipients(t *testing.T) {
	cfg := testConfig(t)
	a, _ := start(t, cfg)
	ask := asking(t, func() string { return a.URL() })
	for _, user := range []string{"ann", "bob", "cat", "dan", "eve"} {
		ask("PUT", "/v1/users/"+user, `{"tags":["vip"]}`, http.StatusOK)
	}
	ask("POST", "/v1/users/zoe/messages", `{"title":"x"}`, http.StatusCreated) // nothing else is known of her
	ask("PUT", "/v1/policies/one", `{"caps":[{"max":1,"per":"24h","category":"promo"}]}`, http.StatusCreated)
	ask("PUT", "/v1/segments/vips", `{"where":"'vip' in tags"}`, http.StatusCreated)
	want := func(path, query string, want ...string) {
		t.Helper()
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		eventually(t, path+"?"+query+" says "+strings.Join(want, " "), func() bool {
			q.Del("next")
			got, _ = recipientsOf(ask, path, q)
			return slices.Equal(got, want)
		})
	}

	t.Run("one user", func(t *testing.T) {
		id := ask("POST", "/v1/users/ann/messages", `{"title":"x","category":"promo","policy":{"name":"one"}}`, http.StatusCreated)["id"].(string)
		want("/v1/messages/"+id+"/recipients", "", "ann=delivered")
		ask("POST", "/v1/users/ann/messages/"+id+"/seen", "", http.StatusOK)
		want("/v1/messages/"+id+"/recipients", "", "ann=seen")
		ask("POST", "/v1/users/ann/messages/"+id+"/archive", "", http.StatusOK)
		want("/v1/messages/"+id+"/recipients", "", "ann=archived")
		want("/v1/messages/"+id+"/recipients", "state=read")
		late := ask("POST", "/v1/users/ann/messages", `{"title":"y","send_at":"2099-01-01T00:00:00Z"}`, http.StatusCreated)["id"].(string)
		want("/v1/messages/"+late+"/recipients", "", "ann=scheduled")
		ask("DELETE", "/v1/messages/"+late, "", http.StatusOK)
	})
	t.Run("users", func(t *testing.T) {
		id := ask("POST", "/v1/messages", `{"to":{"users":["ann","bob","cat","dan"]},"title":"x","category":"promo","policy":{"name":"one"}}`, http.StatusAccepted)["id"].(string)
		path := "/v1/messages/" + id + "/recipients"
		want(path, "", "ann=filtered:cap:1", "bob=delivered", "cat=delivered", "dan=delivered")
		ask("POST", "/v1/users/bob/messages/"+id+"/read", "", http.StatusOK)
		want(path, "", "ann=filtered:cap:1", "bob=read", "cat=delivered", "dan=delivered")
		want(path, "state=delivered", "cat=delivered", "dan=delivered")
		if got, pages := recipientsOf(ask, path, url.Values{"limit": {"1"}}); pages != 4 || len(got) != 4 {
			t.Errorf("by one a page: %d pages with %v", pages, got)
		}
		ask("DELETE", "/v1/messages/"+id, "", http.StatusOK)
		want(path, "", "ann=filtered:cap:1", "bob=retracted", "cat=retracted", "dan=retracted")
	})
	t.Run("broadcast", func(t *testing.T) {
		id := ask("POST", "/v1/messages", `{"to":{"segment":"vips"},"title":"x"}`, http.StatusAccepted)["id"].(string)
		path := "/v1/messages/" + id + "/recipients"
		want(path, "", "ann=delivered", "bob=delivered", "cat=delivered", "dan=delivered", "eve=delivered")
		want(path, "state=not_in_audience", "zoe=not_in_audience")
		ask("PUT", "/v1/users/eve", `{}`, http.StatusOK) // is none any more, and has it
		ask("POST", "/v1/users/eve/messages/"+id+"/read", "", http.StatusOK)
		want(path, "state=read", "eve=read")
		if got, pages := recipientsOf(ask, path, url.Values{"limit": {"2"}}); pages < 3 || len(got) != 5 {
			t.Errorf("by two a page: %d pages with %v", pages, got)
		}
		ask("PUT", "/v1/users/eve", `{"tags":["vip"]}`, http.StatusOK)
	})
	t.Run("campaign", func(t *testing.T) {
		v := ask("PUT", "/v1/campaigns/spring", `{"to":{"segment":"vips"},"arms":[{"name":"a","message":{"title":"A"}},{"name":"b","message":{"title":"B"}}],"holdout":30}`, http.StatusCreated)
		ask("POST", "/v1/campaigns/spring/submit", "", http.StatusOK)
		ask("POST", "/v1/campaigns/spring/approve", fmt.Sprintf(`{"version":1,"hash":%q}`, v["hash"]), http.StatusOK)
		ask("GET", "/v1/campaigns/spring/recipients", "", http.StatusNotFound) // was not started
		ask("POST", "/v1/campaigns/spring/start", "", http.StatusOK)
		var run map[string]any
		eventually(t, "the campaign is done", func() bool {
			run, _ = ask("GET", "/v1/campaigns/spring", "", http.StatusOK)["run"].(map[string]any)
			return run["state"] == "done"
		})
		arms := map[string][]string{}
		var all []string
		for _, user := range []string{"ann", "bob", "cat", "dan", "eve"} {
			of := ask("GET", "/v1/campaigns/spring/arm?user="+user, "", http.StatusOK)
			if of["held_out"] == true {
				arms["out"] = append(arms["out"], user+"=held_out")
				all = append(all, user+"=held_out")
				continue
			}
			arm := of["arm"].(string)
			arms[arm] = append(arms[arm], user+"=delivered")
			all = append(all, user+"=delivered@"+arm)
		}
		want("/v1/campaigns/spring/recipients", "", all...)
		want("/v1/campaigns/spring/recipients", "round=1&limit=1", all...)
		want("/v1/campaigns/spring/recipients", "state=held_out", arms["out"]...)
		ids := run["rounds"].([]any)[0].(map[string]any)["messages"].([]any)
		for i, arm := range []string{"a", "b"} {
			want("/v1/messages/"+ids[i].(string)+"/recipients", "", arms[arm]...)
			for j := range arms[arm] {
				arms[arm][j] += "@" + arm
			}
			want("/v1/campaigns/spring/recipients", "arm="+arm, arms[arm]...)
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, path := range []string{
			"/v1/messages/x/recipients", "/v1/messages/" + actors.NewID().String() + "/recipients?state=lost", "/v1/campaigns/spring/recipients?round=0",
		} {
			if got, text := call(t, "GET", a.URL()+path, "", ""); got != http.StatusBadRequest && got != http.StatusNotFound {
				t.Errorf("%s: got %d %s", path, got, text)
			}
		}
		ask("GET", "/v1/messages/"+actors.NewID().String()+"/recipients", "", http.StatusNotFound)
		ask("GET", "/v1/campaigns/spring/recipients?round=2", "", http.StatusNotFound)
		ask("GET", "/v1/campaigns/spring/recipients?arm=c", "", http.StatusNotFound)
		ask("GET", "/v1/campaigns/autumn/recipients", "", http.StatusNotFound)
	})
}

// TestRecipientsSleep: who is asked for a list of recipients does not stay awake.
func TestRecipientsSleep(t *testing.T) {
	cfg := testConfig(t)
	a, _ := start(t, cfg)
	ask := asking(t, func() string { return a.URL() })
	users := make([]string, 300)
	for i := range users {
		users[i] = fmt.Sprint("u", i)
		ask("PUT", "/v1/users/"+users[i], `{"tags":["x"]}`, http.StatusOK)
	}
	id := ask("POST", "/v1/messages", `{"to":{"all":true},"title":"x"}`, http.StatusAccepted)["id"].(string)
	a.Stop(t.Context())
	a, _ = start(t, cfg)
	got, _ := recipientsOf(ask, "/v1/messages/"+id+"/recipients", url.Values{})
	if len(got) != len(users) {
		t.Fatalf("%d of %d users are listed", len(got), len(users))
	}
	eventually(t, "all sleep again", func() bool {
		_, text := call(t, "GET", a.URL()+"/metrics", "", "")
		return strings.Contains(text, "\nreddot_actors_users 0\n")
	})
}
