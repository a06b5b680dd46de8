//go:build unix

package app

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"reddot/actors/store/pgserver"
	"reddot/cluster"
	"reddot/cmd/internal/config"
	"reddot/transports"
)

// newDatabase returns the URL of a database that is gone at the test's end.
func newDatabase(t *testing.T) string {
	t.Helper()
	s, err := pgserver.Start(t.Context(), pgserver.Config{})
	if errors.Is(err, pgserver.ErrMissing) && os.Getenv("REDDOT_REQUIRE_ALL") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.URL()
}

// startCluster starts servers on one database, and waits until they are ready
// and know each other.
func startCluster(t *testing.T, cfg config.Config, servers int) []*App {
	t.Helper()
	return startClusterWith(t, cfg, servers, forTests{})
}

func startClusterWith(t *testing.T, cfg config.Config, servers int, f forTests) []*App {
	t.Helper()
	cfg.Store.URL = transports.NewSecret(newDatabase(t))
	cfg.Cluster.Bind, cfg.Cluster.Peers = "127.0.0.1:0", "127.0.0.1:0" // they find each other by the database
	cfg.Cluster.Key = transports.NewSecret("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	var all []*App
	for range servers {
		a, _ := startWith(t, cfg, f)
		all = append(all, a)
	}
	for _, a := range all {
		late := time.Now().Add(patience)
		for a.Ready() != nil || len(members(t, a)) < servers {
			if time.Now().After(late) {
				t.Fatalf("%v, %v", a.Ready(), members(t, a))
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return all
}

// members returns those that a server can reach.
func members(t *testing.T, a *App) []string {
	var ready []string
	for _, m := range a.node.Status(t.Context()).Members {
		if m.State == "ready" {
			ready = append(ready, m.Node)
		}
	}
	return ready
}

// TestCluster publishes on each of three servers to users who are connected to
// another, and drains one under their eyes.
func TestCluster(t *testing.T) {
	all := startCluster(t, testConfig(t), 3)
	users := []string{"alice", "bob", "carol", "dave", "erin", "frank"}
	var streams []<-chan string
	for i, u := range users {
		streams = append(streams, stream(t, all[i%3], u, ""))
		next(t, streams[i], "counts")
		publish(t, all[(i+1)%3], u, "")
		next(t, streams[i], "message")
	}
	eventually(t, "three members own every shard", func() bool { // some are on their way at first
		status, body := call(t, "GET", all[0].URL()+"/v1/cluster", "", "")
		var seen cluster.Status
		if err := json.Unmarshal([]byte(body), &seen); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		shards := 0
		for _, m := range seen.Members {
			shards += m.Shards
		}
		return len(seen.Members) == 3 && shards == 1024
	})
	if status, body := call(t, "POST", all[0].URL()+"/v1/cluster/drain", "", ""); status != http.StatusAccepted {
		t.Fatalf("drain: %d %s", status, body)
	}
	<-all[0].Drained()
	stop(t, all[0])
	for i, u := range users {
		if i%3 == 0 {
			next(t, streams[i], "") // it was connected to the server that is gone
			continue
		}
		publish(t, all[2], u, "")
		next(t, streams[i], "message")
		for _, a := range all[1:] {
			if got := unread(t, a, u); got != 2 {
				t.Errorf("%s has %d unread, want 2", u, got)
			}
		}
	}
}

// TestRevokedAcrossServers revokes a key on one server: its connections on
// another end, and a key made on one is known on the other.
func TestRevokedAcrossServers(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev = false
	url := newDatabase(t)
	log := slog.New(slog.DiscardHandler)
	_, admin, err := CreateKey(t.Context(), "", url, KeyOrder{Name: "admin", Scopes: []string{"admin", "publish", "read"}}, log)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Store.URL = transports.NewSecret(url)
	cfg.Cluster.Bind, cfg.Cluster.Peers = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Cluster.Key = transports.NewSecret(strings.Repeat("ab", 32))
	a, _ := start(t, cfg)
	b, _ := start(t, cfg)
	for late := time.Now().Add(patience); len(members(t, a)) < 2 || len(members(t, b)) < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("they do not find each other")
		}
	}
	status, body := call(t, "POST", a.URL()+"/v1/keys", admin.Reveal(), `{"name":"reader","scopes":["read"]}`)
	var key struct{ ID, Key string }
	if err := json.Unmarshal([]byte(body), &key); err != nil || status != http.StatusCreated {
		t.Fatalf("create: %d %s", status, body)
	}
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if status, _ := call(t, "GET", b.URL()+"/v1/users/alice/counts", key.Key, ""); status == http.StatusOK {
			break
		}
		if time.Now().After(late) {
			t.Fatal("the other server does not know the new key")
		}
	}
	s := stream(t, b, "alice", key.Key)
	next(t, s, "counts")
	if status, body := call(t, "DELETE", a.URL()+"/v1/keys/"+key.ID, admin.Reveal(), ""); status != http.StatusOK {
		t.Fatalf("revoke: %d %s", status, body)
	}
	next(t, s, "")
}
