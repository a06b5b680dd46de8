package app

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/cmd/internal/config"
	"reddot/transports"
	"reddot/transports/auth"
)

// auditKeys makes two keys in a data directory, or in a database.
func auditKeys(t *testing.T, data, url string) (admin, operator string) {
	t.Helper()
	for scope, text := range map[string]*string{"admin": &admin, "operator": &operator} {
		_, secret, err := CreateKey(t.Context(), data, url, KeyOrder{Name: scope, Scopes: []string{scope}}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		*text = secret.Reveal()
	}
	return admin, operator
}

// TestAuditLog: what was done through one server is read from it, and after it has
// started again.
func TestAuditLog(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev, cfg.Token.Secret = false, transports.NewSecret(secret)
	admin, operator := auditKeys(t, cfg.Data, "")
	a, _ := start(t, cfg)
	auditStory(t, cfg, a, a, admin, operator)
	status, body := call(t, "POST", a.URL()+"/v1/cluster/drain", operator, "")
	if status != http.StatusAccepted {
		t.Fatalf("drain: %d %s", status, body)
	}
	if status, _ := call(t, "GET", a.URL()+"/v1/users/bob/counts", "rk_unknown", ""); status != http.StatusUnauthorized {
		t.Errorf("an unknown key: got %d", status)
	}
	before := audited(t, a, operator, "")
	stop(t, a)
	again, _ := start(t, cfg)
	after := audited(t, again, operator, "")
	if len(after) != len(before)+1 || !slices.Equal(before, after[:len(before)]) || !strings.HasPrefix(before[len(before)-1], "server.drain key:") ||
		!strings.HasPrefix(after[len(before)], "login.failed") {
		t.Errorf("got %q, after a start %q", before, after)
	}
}

// TestAuditLogAcrossServers: what was done through one server is read from each.
func TestAuditLogAcrossServers(t *testing.T) {
	url := newDatabase(t)
	admin, operator := auditKeys(t, "", url)
	cfg := testConfig(t)
	cfg.Dev, cfg.Token.Secret, cfg.Store.URL = false, transports.NewSecret(secret), transports.NewSecret(url)
	cfg.Cluster.Bind, cfg.Cluster.Peers = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Cluster.Key = transports.NewSecret(strings.Repeat("ab", 32))
	a, _ := start(t, cfg)
	b, _ := start(t, cfg)
	eventually(t, "they find each other", func() bool { return len(members(t, a)) == 2 && len(members(t, b)) == 2 })
	auditStory(t, cfg, a, b, admin, operator)
}

// audited returns the log as the key sees it, the page size being small.
func audited(t *testing.T, a *App, key, query string) (lines []string) {
	t.Helper()
	for next := ""; ; {
		status, body := call(t, "GET", a.URL()+"/v1/audit?limit=3"+query+next, key, "")
		var page struct {
			Entries []struct{ Actor, From, Action, App, Target, Failed string }
			Next    string
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK {
			t.Fatalf("audit: %d %s", status, body)
		}
		for _, hidden := range []string{"rk_", secret, strings.Repeat("x", 32), "digest"} {
			if strings.Contains(body, hidden) {
				t.Errorf("the log shows %q: %s", hidden, body)
			}
		}
		for _, e := range page.Entries {
			if e.Actor == "" && e.Action != transports.AuditLoginFailed {
				t.Errorf("nobody did %+v", e)
			}
			lines = append(lines, strings.Join([]string{e.Action, e.Actor, e.From, e.App, e.Target, e.Failed}, " "))
		}
		if next = "&next=" + page.Next; page.Next == "" {
			return lines
		}
	}
}

// auditStory does through a what is to be read through b.
func auditStory(t *testing.T, cfg config.Config, a, b *App, admin, operator string) {
	t.Helper()
	adminID, operatorID := "key:"+admin[3:19], "key:"+operator[3:19]
	// The log's times are milliseconds: the keys were made before this one.
	began := time.Now().UTC().Truncate(time.Millisecond).Add(time.Millisecond)
	time.Sleep(time.Until(began))
	do := func(method, path, key, body string, want int) string {
		t.Helper()
		status, answer := call(t, method, a.URL()+path, key, body)
		if status != want {
			t.Fatalf("%s %s: got %d %s, want %d", method, path, status, answer, want)
		}
		return answer
	}
	var key struct{ ID, Key string }
	if err := json.Unmarshal([]byte(do("POST", "/v1/keys", admin, `{"scopes":["read"],"name":"made"}`, 201)), &key); err != nil {
		t.Fatal(err)
	}
	do("DELETE", "/v1/keys/"+key.ID, admin, "", 200)
	do("DELETE", "/v1/keys/"+key.ID, admin, "", 200) // changes nothing
	do("DELETE", "/v1/keys/none", admin, "", 404)    // likewise
	do("GET", "/v1/users/alice/counts", key.Key, "", 401)
	do("GET", "/v1/users/alice/counts", key.Key, "", 401)
	do("GET", "/v1/users/alice/counts", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "", 401)
	do("DELETE", "/v1/keys/"+key.ID+"?remove=true", admin, "", 200)
	do("POST", "/v1/users/alice/disconnect", admin, "", 204)
	do("DELETE", "/v1/users/alice/disconnect", admin, "", 204)
	do("POST", "/v1/keys", operator, `{"scopes":["read"],"app":"shop"}`, 201)
	fresh := cfg
	fresh.Token.Secret, fresh.Log.Level = transports.NewSecret(strings.Repeat("x", 32)), "warn"
	fresh.Apps = []config.App{{Name: "shop", Token: auth.Verification{Secret: transports.NewSecret(strings.Repeat("xy", 16))}}}
	if err := a.Reload(fresh); err != nil {
		t.Fatal(err)
	}
	if err := a.audit.NoteFailures(t.Context()); err != nil {
		t.Fatal(err)
	}

	got := audited(t, b, operator, "")
	want := []string{
		"key.create " + adminID + " 127.0.0.1 default key:" + key.ID,
		"key.revoke " + adminID + " 127.0.0.1 default key:" + key.ID,
		"key.remove " + adminID + " 127.0.0.1 default key:" + key.ID,
		"user.disconnect " + adminID + " 127.0.0.1 default user:alice",
		"user.reconnect " + adminID + " 127.0.0.1 default user:alice",
		"key.create " + operatorID + " 127.0.0.1 shop key:",
		"app.change signal  default app:default",
		"app.change signal  shop app:shop",
		"config.reload signal",
		"login.failed  127.0.0.1 default key:" + key.ID + " the server key " + key.ID + " was revoked",
	}
	got = slices.DeleteFunc(got, func(line string) bool { return strings.Contains(line, " offline") })
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i, line := range want {
		if !strings.HasPrefix(got[i], line) {
			t.Errorf("%d: got %q, want %q", i, got[i], line)
		}
	}
	if n := len(audited(t, b, operator, "&action=key.create")); n != 4 { // two of them offline
		t.Errorf("got %d keys made", n)
	}
	if n := len(audited(t, b, operator, "&actor="+operatorID)); n != 1 {
		t.Errorf("the operator did %d things", n)
	}
	if n := len(audited(t, b, operator, "&app=shop")); n != 2 {
		t.Errorf("got %d of the app shop", n)
	}
	if n := len(audited(t, b, operator, "&until="+began.Format(time.RFC3339Nano))); n != 2 {
		t.Errorf("got %d from before", n)
	}
	for _, line := range audited(t, b, admin, "&since="+began.Format(time.RFC3339Nano)) {
		if strings.Contains(line, "shop") || strings.HasPrefix(line, "config") {
			t.Errorf("an app's admin sees %q", line)
		}
	}
	for path, want := range map[string]int{"?app=shop": 403, "?since=now": 400, "?action=x": 400, "?next=x": 400, "?limit=0": 400} {
		if status, body := call(t, "GET", b.URL()+"/v1/audit"+path, admin, ""); status != want {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
	if status, _ := call(t, "GET", b.URL()+"/v1/audit", key.Key, ""); status != http.StatusUnauthorized {
		t.Errorf("a removed key: got %d", status)
	}
	status, body := call(t, "GET", b.URL()+"/v1/audit?action=config.reload", operator, "")
	for _, want := range []string{`"before":{"log.level":"info","token.secret":"***"}`, `"after":{"log.level":"warn","token.secret":"*** (another one)"}`} {
		if !strings.Contains(body, want) {
			t.Errorf("reload: got %d %s, want %s", status, body, want)
		}
	}
}
