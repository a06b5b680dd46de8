//go:build unix

package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"reddot/transports"
)

// TestKeyBesideServers makes keys in the database while servers run on it, as
// "reddot key create --store" does: they work at once, on a server of a cluster and
// on one that is alone.
func TestKeyBesideServers(t *testing.T) {
	for _, alone := range []bool{false, true} {
		t.Run(fmt.Sprintf("alone=%v", alone), func(t *testing.T) {
			cfg := testConfig(t)
			cfg.Dev = false
			url := newDatabase(t)
			cfg.Store.URL = transports.NewSecret(url)
			if !alone {
				cfg.Cluster.Bind, cfg.Cluster.Peers = "127.0.0.1:0", "127.0.0.1:0"
				cfg.Cluster.Key = transports.NewSecret(strings.Repeat("ab", 32))
			}
			a, _ := start(t, cfg)
			waitStatus(t, a.URL()+"/readyz", http.StatusOK)
			_, key, err := CreateKey(t.Context(), "", url, KeyOrder{Scopes: []string{"publish", "read"}}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			made := time.Now()
			for {
				if status, _ := call(t, "GET", a.URL()+"/v1/users/alice/counts", key.Reveal(), ""); status == http.StatusOK {
					break
				}
				if time.Since(made) > rereadEvery/2 {
					t.Fatalf("the key does not work after %v", time.Since(made))
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Logf("it works after %v", time.Since(made).Round(time.Millisecond))
		})
	}
}

// TestOtherLimits starts a server whose inboxes are smaller than those of the
// servers that run on its database: it is not ready, names the setting and the other
// server, and owns no users; nothing is trimmed.
func TestOtherLimits(t *testing.T) {
	cfg := testConfig(t)
	cfg.Inbox.Messages = 13
	all := startCluster(t, cfg, 1)
	for range 13 {
		publish(t, all[0], "alice", "")
	}
	cfg = *all[0].cfg.Load()
	cfg.Inbox.Messages = 5
	b, _ := start(t, cfg)
	name := all[0].node.Status(t.Context()).Node
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		status, body := call(t, "GET", b.URL()+"/readyz", "", "")
		if status == http.StatusServiceUnavailable && strings.Contains(body, "inbox.messages is 5 here and 13 there") && strings.Contains(body, name) {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("%d %s", status, body)
		}
	}
	if got := unread(t, all[0], "alice"); got != 13 || all[0].Ready() != nil {
		t.Errorf("%d unread, want 13; %v", got, all[0].Ready())
	}
}
