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

// TestTemplateScreened: a template that says what a keyword list blocks can't be submitted, in
// whichever locale it says it; what was submitted before stays so, also as a repeat.
func TestTemplateScreened(t *testing.T) {
	a, _ := start(t, testConfig(t))
	ask := asking(t, func() string { return a.URL() })
	words := func(word, action string) {
		t.Helper()
		if got, text := call(t, "POST", a.URL()+"/v1/keywords/ads", "", fmt.Sprintf(`{"word":%q,"action":%q}`, word, action)+"\n"); got != http.StatusOK {
			t.Fatalf("got %d %s", got, text)
		}
	}
	words("free money", "block")
	words("maybe", "review")
	ask("PUT", "/v1/templates/sale", `{"locale":"en","content":{"en":{"inapp":{"title":"Maybe"}},"zh":{"inapp":{"title":"好","body":"FREE  money!"}}}}`, http.StatusCreated)
	out := ask("POST", "/v1/templates/sale/submit", "", http.StatusBadRequest)
	if out["field"] != "content" || !strings.Contains(fmt.Sprint(out["detail"]), "the keyword list ads blocks what it says at character") {
		t.Errorf("got %v", out)
	}
	submit := func() (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "POST", a.URL()+"/v1/templates/sale/submit", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Idempotency-Key", "once")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode, res.Header.Get("Idempotent-Replayed")
	}
	ask("PUT", "/v1/templates/sale", `{"locale":"en","content":{"en":{"inapp":{"title":"Maybe"}},"zh":{"inapp":{"title":"好"}}}}`, http.StatusOK)
	if status, replayed := submit(); status != http.StatusOK || replayed != "" {
		t.Errorf("got %d %s", status, replayed)
	}
	words("maybe", "block")
	if status, replayed := submit(); status != http.StatusOK || replayed != "true" {
		t.Errorf("a repeat: %d %s", status, replayed)
	}
}
