package app

import (
	"encoding/json"
	"testing"
	"time"

	"reddot/actors"
)

// What was kept aside is there for as long as it may be, and no longer.
func TestAsideIsSwept(t *testing.T) {
	a, _ := start(t, testConfig(t))
	now := time.Now()
	for key, at := range map[string]time.Time{"udefault/old/0000000000000004": now.Add(-actors.KeepAside), "udefault/new/0000000000000004": now.Add(-time.Hour)} {
		value, err := json.Marshal(actors.Aside{Key: key[:12], After: 1, First: 4, Last: 5, At: at, Events: [][]byte{{1}, {2}}})
		must(t, err)
		must(t, a.store.PutRecord(t.Context(), actors.AsideKind, key, value))
	}
	must(t, sweepAside(t.Context(), a.store, now))
	list, err := a.store.ListRecords(t.Context(), actors.AsideKind, "", 10)
	must(t, err)
	if len(list) != 1 || list[0].Key != "udefault/new/0000000000000004" {
		t.Errorf("left: %d records, %v", len(list), list)
	}
}
