package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestTemplates sends by a template: each user gets its own locale, the message is pinned to
// its version, an edit holds in every locale, and a restart changes nothing of it.
func TestTemplates(t *testing.T) {
	cfg := testConfig(t)
	a, _ := start(t, cfg)
	ask := asking(t, func() string { return a.URL() })
	for user, locale := range map[string]string{"mei": "zh-Hant-HK", "lin": "zh", "fred": "fr-FR"} {
		ask("PUT", "/v1/users/"+user, fmt.Sprintf(`{"locale":%q}`, locale), http.StatusOK)
	}
	const source = `{"locale":"en","category":"order","variables":{"who":{"type":"string"}},"content":{"en":{"inapp":{"title":"Hi {{ who }}"}},"zh":{"inapp":{"title":"你好 {{ who }}"}},"zh-Hant":{"inapp":{"title":"您好 {{ who }}"}}}}`
	v := ask("PUT", "/v1/templates/hello", source, http.StatusCreated)
	ask("POST", "/v1/templates/hello/submit", "", http.StatusOK)
	ask("POST", "/v1/templates/hello/approve", fmt.Sprintf(`{"version":1,"hash":%q}`, v["hash"]), http.StatusOK)
	ask("POST", "/v1/templates/hello/publish", `{"version":1}`, http.StatusOK)

	one := ask("POST", "/v1/users/mei/messages", `{"template":{"id":"hello","data":{"who":"M"}}}`, http.StatusCreated)["id"].(string)
	many := ask("POST", "/v1/messages", `{"to":{"users":["mei","lin","fred","new"]},"template":{"id":"hello","data":{"who":"all"}}}`, http.StatusAccepted)["id"].(string)
	ask("POST", "/v1/messages", `{"to":{"all":true},"template":{"id":"hello","data":{"who":"there"}}}`, http.StatusAccepted)
	titles := func(user, want string) {
		t.Helper()
		eventually(t, "each title in its locale", func() bool {
			var got []string
			for _, m := range ask("GET", "/v1/users/"+user+"/messages", "", http.StatusOK)["messages"].([]any) {
				got = append(got, m.(map[string]any)["title"].(string))
			}
			return strings.Join(got, ", ") == want
		})
	}
	titles("mei", "Hi there, 您好 all, 您好 M")
	titles("lin", "Hi there, 你好 all")
	titles("fred", "Hi there, Hi all")
	for _, id := range []string{one, many} {
		if of, _ := ask("GET", "/v1/messages/"+id, "", http.StatusOK)["template"].(map[string]any); of["id"] != "hello" || of["version"] != 1.0 || of["hash"] != v["hash"] {
			t.Errorf("got %v", of)
		}
	}
	_, journal := call(t, "GET", a.URL()+"/v1/users/mei/journal", "", "")
	if !strings.Contains(journal, fmt.Sprintf(`"template":{"id":"hello","version":1,"hash":%q}`, v["hash"])) {
		t.Errorf("got %s", journal)
	}

	ask("DELETE", "/v1/templates/hello", "", http.StatusNoContent)
	ask("POST", "/v1/users/mei/messages", `{"template":{"id":"hello","data":{"who":"M"}}}`, http.StatusConflict)
	ask("PATCH", "/v1/messages/"+many, `{"body":"x"}`, http.StatusOK)
	stop(t, a)
	a, _ = start(t, cfg)
	titles("mei", "Hi there, 您好 all, 您好 M")
	eventually(t, "each title in its locale", func() bool {
		_, text := call(t, "GET", a.URL()+"/v1/users/lin/messages", "", "")
		return strings.Contains(text, `"title":"你好 all","body":"x"`)
	})
}
