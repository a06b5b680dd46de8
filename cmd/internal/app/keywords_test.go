package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"reddot/actors/keywords"
	"reddot/actors/screening"
	"reddot/transports"
)

// TestKeywordsAcrossServers changes a keyword list on one server: the other one screens by
// it, also without a link between them, and both do after a restart.
func TestKeywordsAcrossServers(t *testing.T) {
	for _, alone := range []bool{false, true} {
		t.Run(fmt.Sprintf("alone=%v", alone), func(t *testing.T) {
			cfg := testConfig(t)
			cfg.Store.URL = transports.NewSecret(newDatabase(t))
			if !alone {
				cfg.Cluster.Bind, cfg.Cluster.Peers = "127.0.0.1:0", "127.0.0.1:0"
				cfg.Cluster.Key = transports.NewSecret(strings.Repeat("ab", 32))
			}
			a, _ := start(t, cfg)
			waitStatus(t, a.URL()+"/readyz", http.StatusOK)
			other := a
			if alone {
				// Another server on the same records, of which no link tells.
				w, err := keywords.ParseWord("spam")
				if err != nil {
					t.Fatal(err)
				}
				beside := screening.New(screening.Config{Now: time.Now}, a.store)
				edit := screening.Edit{Word: screening.Word{Text: "spam", Action: keywords.Block}, Folded: w}
				if _, err := beside.Change(t.Context(), transports.DefaultApp, "ads", screening.Change{Words: []screening.Edit{edit}}); err != nil {
					t.Fatal(err)
				}
			} else {
				other, _ = start(t, cfg)
				for late := time.Now().Add(patience); len(members(t, a)) < 2 || len(members(t, other)) < 2; time.Sleep(10 * time.Millisecond) {
					if time.Now().After(late) {
						t.Fatal("they do not find each other")
					}
				}
				if status, body := call(t, "POST", a.URL()+"/v1/keywords/ads", "", `{"word":"spam","action":"block"}`); status != http.StatusOK {
					t.Fatalf("change: %d %s", status, body)
				}
			}
			made := time.Now()
			for {
				_, body := call(t, "POST", other.URL()+"/v1/users/alice/messages?dry_run=true", "", `{"body":"s.p.a.m"}`)
				if strings.Contains(body, `"outcome":"filtered","reason":"keywords"`) {
					break
				}
				if time.Since(made) > patience {
					t.Fatal("the word is not known")
				}
				time.Sleep(5 * time.Millisecond)
			}
			t.Logf("it is known after %v", time.Since(made).Round(time.Millisecond))
			if !alone {
				return
			}
			stop(t, a)
			a, _ = start(t, cfg)
			waitStatus(t, a.URL()+"/readyz", http.StatusOK)
			if status, body := call(t, "POST", a.URL()+"/v1/users/alice/messages", "", `{"body":"spam"}`); status != http.StatusCreated || !strings.Contains(body, `"outcome":"filtered","reason":"keywords"`) {
				t.Errorf("after a restart: %d %s", status, body)
			}
		})
	}
}
