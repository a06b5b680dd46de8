package app

import (
	"fmt"
	"os"
	"testing"
	"time"

	"reddot/cmd/internal/load"
)

// One address and one user at their worst cost the others nothing, and the server
// no more than a bound. (`reddot bench hostile` does it for five minutes, and holds
// the others' waiting to twice that of before.)
func TestHostileNeighbor(t *testing.T) {
	cfg, key := guarded(t, testConfig(t))
	cfg.Inbox.Connections = 30
	a, _ := start(t, cfg)
	fillInbox(t, a, key, "mallory")
	var others []string
	for i := range 4 {
		user := fmt.Sprintf("user%d", i)
		publish(t, a, user, key)
		others = append(others, issueFor(t, cfg, user, time.Hour))
	}
	r, err := load.Hostile(t.Context(), load.HostileConfig{
		URL: a.URL(), Attacker: issueFor(t, cfg, "mallory", time.Hour), Others: others,
		Duration: 8 * time.Second, PIDs: []int{os.Getpid()}, Slower: 1000,
	})
	if err != nil {
		t.Error(err)
	}
	for name, n := range r.Attacks {
		if n == 0 {
			t.Errorf("%s: none was made", name)
		}
	}
	if r.Under.Count == 0 || r.Grown == 0 {
		t.Errorf("nothing was measured: %+v", r)
	}
	t.Logf("%+v", r)
}
