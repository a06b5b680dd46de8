package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reddot/cmd/internal/config"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/jackc/pgx/v5"
)

// retentionConfig lets a message age within seconds, and leave the disk soon
// after.
func retentionConfig(cfg config.Config) config.Config {
	cfg.MQTT.Listen = "127.0.0.1:0"
	cfg.Inbox.MessageAge, cfg.Inbox.RetainAge = 3*time.Second, time.Second
	cfg.Store.EraseWithin = 4 * time.Second
	return cfg
}

// inFiles returns which files of a data directory hold a text.
func inFiles(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n.Name())) // one that has gone meanwhile holds nothing
		if err == nil && bytes.Contains(b, []byte(text)) {
			found = append(found, n.Name())
		}
	}
	return found
}

// inRows returns which tables of the database hold a text, and which have rows
// that none is to have in the end.
func inRows(t *testing.T, conn *pgx.Conn, text string) (found []string) {
	t.Helper()
	for what, sql := range map[string]string{
		"events":    "select count(*) from reddot_events where position($1::bytea in data) > 0",
		"snapshots": "select count(*) from reddot_snapshots where position($1::bytea in data) > 0",
		"records":   "select count(*) from reddot_records where position($1::bytea in value) > 0",
		"funnels":   "select count(*) from reddot_tallies where $1::bytea is not null",
		"owners":    "select greatest(0, count(*) - 1) from reddot_owners where $1::bytea is not null", // that of the message to come
		"dead rows": `select coalesce(sum(n_dead_tup), 0)::bigint from pg_stat_user_tables where relname like 'reddot\_events\_%' and $1::bytea is not null`,
	} {
		var n int
		if err := conn.QueryRow(t.Context(), sql, []byte(text)).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			found = append(found, fmt.Sprint(n, " ", what))
		}
	}
	return found
}

// leaveSecrets publishes in each way that there is, and lets nobody need it any
// more. Nothing wakes the users after that.
func leaveSecrets(t *testing.T, a *App) {
	t.Helper()
	ask := func(method, path, body string) string {
		t.Helper()
		status, answer := call(t, method, a.URL()+path, "", body)
		if status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
		var v struct{ ID string }
		_ = json.Unmarshal([]byte(answer), &v) // not each answer has one
		return v.ID
	}
	const alice = "/v1/users/alice/messages"
	ask("DELETE", "/v1/messages/"+ask("POST", alice, `{"title":"secret retracted"}`), "")
	ask("PATCH", "/v1/messages/"+ask("POST", alice, `{"title":"secret edited"}`), `{"title":"after"}`)
	ask("POST", alice, `{"title":"secret collapsed","collapse_key":"k"}`)
	ask("POST", alice, `{"title":"after","collapse_key":"k"}`)
	ask("POST", alice, `{"title":"secret expires","expires_at":"`+time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)+`"}`)
	ask("POST", alice, `{"title":"secret ages"}`)
	ask("POST", alice+"/"+ask("POST", alice, `{"title":"secret archived"}`)+"/archive", "")
	ask("POST", "/v1/users/carol/messages", `{"title":"secret of a user who gets one message"}`)
	many := ask("POST", "/v1/messages", `{"title":"secret for many","to":{"users":["bob","carol","dave"]}}`)
	ask("PATCH", "/v1/messages/"+many, `{"title":"secret, too"}`)
	ask("POST", "/v1/messages", `{"title":"secret for many, and never changed","to":{"users":["bob","carol","dave"]}}`)
	ask("POST", "/v1/topics/lamp?retain=true", "secret retained")
	ask("POST", "/v1/topics/lamp?retain=true", "on")

	session := func(clean bool) paho.Client {
		c, _ := mqttClient(t, "tcp://"+a.MQTTAddr().String(), func(o *paho.ClientOptions) {
			o.SetUsername("erin").SetClientID("phone").SetCleanSession(clean).SetWill("gone", "secret will", 1, false)
		})
		return c
	}
	phone := session(false)
	done(t, phone.Subscribe("rooms/+", 1, nil))
	phone.Disconnect(100)
	ask("POST", "/v1/topics/rooms/1", "secret queued")
	session(true).Disconnect(100)

	const grace, frank = "/v1/users/grace", "/v1/users/frank"
	ask("PUT", grace, `{"tags":["secret tag"],"addresses":{"email":[{"address":"secret@example.com"}]}}`)
	ask("PATCH", grace, `{"tags":["after"],"addresses":null}`)
	ask("PUT", grace+"/preferences", `{"categories":{"secret":{"sms":false}}}`)
	ask("PUT", grace+"/preferences", `{}`)
	ask("PUT", grace+"/follows/secret/1", "")
	ask("DELETE", grace+"/follows/secret/1", "")
	ask("PUT", frank, `{"attributes":{"name":"secret of one who is erased"}}`)
	ask("PUT", frank+"/preferences", `{"categories":{"secret":{"sms":false}}}`)
	ask("PUT", frank+"/follows/secret/1", "")
	ask("POST", frank+"/messages", `{"title":"secret of one who is erased"}`)
	ask("DELETE", frank, "")

	ask("POST", alice, `{"title":"to come","send_at":"`+time.Now().Add(1000*time.Hour).UTC().Format(time.RFC3339)+`"}`)
}

// TestSecretsLeaveTheFiles searches the embedded store's files.
func TestSecretsLeaveTheFiles(t *testing.T) {
	cfg := retentionConfig(testConfig(t))
	a, _ := start(t, cfg)
	leaveSecrets(t, a)
	if len(inFiles(t, cfg.Data, "secret")) == 0 {
		t.Fatal("nothing was ever in the files: the test shows nothing")
	}
	leave(t, func() []string { return inFiles(t, cfg.Data, "secret") })
	stop(t, a)
	a, _ = start(t, cfg)
	wantToCome(t, a)
}

// TestSecretsLeaveTheDatabase searches the database's rows, and holds that no
// dead ones are left.
func TestSecretsLeaveTheDatabase(t *testing.T) {
	cfg, db := onDatabase(t)
	cfg = retentionConfig(cfg)
	a, _ := start(t, cfg)
	conn, err := pgx.Connect(t.Context(), db.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) }) // the server is its end
	leaveSecrets(t, a)
	if len(inRows(t, conn, "secret")) == 0 {
		t.Fatal("nothing was ever in the rows: the test shows nothing")
	}
	leave(t, func() []string { return inRows(t, conn, "secret") })
	wantToCome(t, a)
}

// leave waits until nothing is found.
func leave(t *testing.T, find func() []string) {
	t.Helper()
	begin := time.Now()
	for found := []string{"?"}; len(found) > 0; found = find() {
		if time.Since(begin) > 2*patience {
			t.Fatalf("secrets are in %v", found)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("%v after they were written", time.Since(begin).Round(time.Millisecond))
}

// wantToCome holds that what is needed is there.
func wantToCome(t *testing.T, a *App) {
	t.Helper()
	status, body := call(t, http.MethodGet, a.URL()+"/v1/users/alice/messages?state=scheduled", "", "")
	if status != http.StatusOK || strings.Count(body, `"title":"to come"`) != 1 {
		t.Errorf("got %d %s", status, body)
	}
}
