package judges

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/catalog"
)

func TestBook(t *testing.T) {
	c := catalog.New(catalog.Config{Kind: "policy", Now: time.Now}, actorstest.NewJournal())
	b := New(c)
	of := func(name string, version uint64) *actors.Policy {
		t.Helper()
		p, err := b.Of(t.Context(), "shop", name, version)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	put := func(name, body string) {
		t.Helper()
		if _, err := c.Apply(t.Context(), "shop", name, catalog.Change{Body: json.RawMessage(body)}); err != nil {
			t.Fatal(err)
		}
	}
	if p := of("", 0); p != nil {
		t.Errorf("without a default the policy is %v", p)
	}
	if _, err := b.Of(t.Context(), "shop", "promo", 0); err == nil || actors.AsError(err).Field != "policy" {
		t.Errorf("a name without a policy: %v", err)
	}
	put("promo", `{"caps":[]}`)
	put("promo", `{"caps":[],"on_held":"drop"}`)
	if p := of("promo", 1); p.Version != 1 || string(p.Body) != `{"caps":[]}` {
		t.Errorf("version 1 is %v", p)
	}
	if _, err := b.Of(t.Context(), "shop", "promo", 3); err == nil {
		t.Error("a version that there is not was found")
	}
	put("promo", `{"caps":[],"on_held":"digest"}`)
	if p := of("promo", 3); p.Version != 3 {
		t.Errorf("version 3, which was asked for before it was written, is %v", p)
	}
	put(byDefault, `{}`)
	for begin := time.Now(); of("", 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > 20*fresh {
			t.Fatal("a default that was written is not found")
		}
	}
	first := of("", 0)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for begin := time.Now(); time.Since(begin) < fresh+200*time.Millisecond; {
				if p, err := b.Of(t.Context(), "shop", "", 0); err != nil || p != first {
					t.Errorf("the default has changed in memory though nobody wrote it: %v, %v", p, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
