package app

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// cursorOf returns the cursor of a user's counts.
func cursorOf(t *testing.T, a *App, user, credential string) string {
	t.Helper()
	status, body := call(t, "GET", a.URL()+"/v1/users/"+user+"/counts", credential, "")
	var counts struct{ Cursor string }
	if err := json.Unmarshal([]byte(body), &counts); err != nil || status != http.StatusOK {
		t.Fatalf("counts: %d %s", status, body)
	}
	return counts.Cursor
}

// wantReset holds that whoever comes back with a cursor is told, by every kind of
// transport, that it is of another history.
func wantReset(t *testing.T, a *App, user, credential, cursor string) {
	t.Helper()
	base := a.URL() + "/v1/users/" + user
	if first, ok := <-streamOf(t, base+"/stream?after="+cursor, credential); !ok || !strings.Contains(first, `"type":"reset"`) {
		t.Errorf("%s, by SSE: got %s", user, first)
	}
	if status, body := call(t, "GET", base+"/wait?timeout=1&after="+cursor, credential, ""); status != http.StatusOK || !strings.Contains(body, `"type":"reset"`) {
		t.Errorf("%s, by long poll: got %d %s", user, status, body)
	}
	c, _, err := websocket.Dial(t.Context(), strings.Replace(base, "http", "ws", 1)+"/ws?after="+cursor, &websocket.DialOptions{
		Subprotocols: []string{"reddot.v1"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + credential}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	_, hello, err := c.Read(t.Context())
	if err != nil || !strings.Contains(string(hello), `"recovered":false`) {
		t.Errorf("%s, by WebSocket: got %s, %v", user, hello, err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/counts", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+credential)
	req.Header.Set("If-None-Match", `"`+cursor+`"`)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("%s, by short poll: got %s", user, res.Status)
	}
}

// A server at work is backed up, goes on, and is replaced by what the backup
// restores: that has the messages, the revs and the keys of then, and whoever saw
// more is told so, also once the journal has grown past what they saw.
func TestRestoreBackup(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev = false
	log := slog.New(slog.DiscardHandler)
	_, secret, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Name: "all", Scopes: []string{"publish", "read", "admin"}}, log)
	if err != nil {
		t.Fatal(err)
	}
	key := secret.Reveal()
	a, book := start(t, cfg)
	users := []string{"alice", "bob", "carol"}
	all := func(n int) {
		for range n {
			for _, u := range users {
				publish(t, a, u, key)
			}
		}
	}
	all(5)
	cursors := map[string][]string{}
	see := func() {
		for _, u := range users {
			cursors[u] = append(cursors[u], cursorOf(t, a, u, key))
		}
	}
	see()
	var file bytes.Buffer
	b, err := WriteBackup(t.Context(), cfg, &file, log)
	if err != nil || b.Bytes() == 0 {
		t.Fatalf("got %v, %v", b, err)
	}
	if !strings.Contains(book.String(), "a backup was made") {
		t.Error("the backup did not come from the server")
	}
	all(2)
	see()
	all(2)
	see()
	stop(t, a)
	cfg.Data = filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(cfg, bytes.NewReader(file.Bytes())); err != nil {
		t.Fatal(err)
	}
	a, _ = start(t, cfg)
	for _, when := range []string{"at once", "later"} {
		for _, u := range users {
			for _, cursor := range cursors[u] {
				wantReset(t, a, u, key, cursor)
			}
		}
		if when == "at once" {
			all(4)
		}
	}
	for _, u := range users {
		if status, body := call(t, "GET", a.URL()+"/v1/users/"+u+"/counts", key, ""); status != http.StatusOK || !strings.Contains(body, `"unread":9,`) {
			t.Errorf("%s: got %d %s; want 5 messages of the backup and 4 more", u, status, body)
		}
	}
	cursor := cursorOf(t, a, "alice", key)
	stop(t, a)
	if err := Renew(t.Context(), cfg, log); err != nil { // as after files were put back by hand
		t.Fatal(err)
	}
	a, _ = start(t, cfg)
	wantReset(t, a, "alice", key, cursor)
}

// What can't be backed up is told with what to do.
func TestBackupRefused(t *testing.T) {
	cfg := testConfig(t)
	log := slog.New(slog.DiscardHandler)
	if _, err := WriteBackup(t.Context(), cfg, &bytes.Buffer{}, log); err == nil || !strings.Contains(err.Error(), "no store in") {
		t.Errorf("an empty directory: got %v", err)
	}
	if err := Renew(t.Context(), cfg, log); err == nil || !strings.Contains(err.Error(), "no store in") {
		t.Errorf("an empty directory: got %v", err)
	}
	onDB, _ := onDatabase(t)
	if _, err := WriteBackup(t.Context(), onDB, &bytes.Buffer{}, log); err == nil || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("a database: got %v", err)
	}
	if err := Renew(t.Context(), onDB, log); err != nil {
		t.Errorf("a database: %v", err)
	}
	a, _ := start(t, cfg)
	if _, err := Restore(cfg, strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("over a server: got %v", err)
	}
	if err := Renew(t.Context(), cfg, log); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("under a server: got %v", err)
	}
	stop(t, a)
}

// A dump that is restored, and rows that were put back by hand and told so, are
// another history for whoever saw more.
func TestRestoreDump(t *testing.T) {
	for _, how := range []string{"pg_restore", "by hand"} {
		t.Run(how, func(t *testing.T) {
			cfg, db := onDatabase(t)
			a, _ := start(t, cfg)
			some := func(n int) {
				for range n {
					publish(t, a, "alice", "")
				}
			}
			some(5)
			cursors := []string{cursorOf(t, a, "alice", "")}
			dump, err := db.Dump(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			some(2)
			cursors = append(cursors, cursorOf(t, a, "alice", ""))
			some(2)
			cursors = append(cursors, cursorOf(t, a, "alice", ""))
			stop(t, a)
			if how == "pg_restore" {
				if err := db.Restore(t.Context(), dump); err != nil {
					t.Fatal(err)
				}
			} else {
				if _, err := db.SQL(t.Context(), "delete from reddot_events where seq > 5"); err != nil {
					t.Fatal(err)
				}
				if err := Renew(t.Context(), cfg, slog.New(slog.DiscardHandler)); err != nil {
					t.Fatal(err)
				}
			}
			a, _ = start(t, cfg)
			for _, c := range cursors {
				wantReset(t, a, "alice", "", c)
			}
			some(4)
			for _, c := range cursors {
				wantReset(t, a, "alice", "", c)
			}
			if got := unread(t, a, "alice"); got != 9 {
				t.Errorf("got %d unread, want 9", got)
			}
		})
	}
}
