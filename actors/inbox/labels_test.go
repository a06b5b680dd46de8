package inbox

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"

	"reddot/actors"
)

// Tenants in the random trial: some messages have one, in three trials of four.

// someTenant returns a tenant, or none.
func (x *trial) someTenant() string {
	if x.untenanted || x.rng.IntN(2) == 0 {
		return ""
	}
	return string(rune('t' + x.rng.IntN(3)))
}

// compareTenants holds the counts by tenant against the model.
func (x *trial) compareTenants() {
	x.t.Helper()
	type share struct {
		Unread, Unseen uint32
		By             map[string]uint32 `json:"by_category"`
		ByTenant       map[string]uint32 `json:"by_tenant"`
	}
	var all share
	of := map[string]share{}
	for _, o := range x.m.list {
		if o.state == actors.State_SCHEDULED || o.tenant == "" {
			continue
		}
		s := of[o.tenant]
		if s.By == nil {
			s.By = map[string]uint32{}
		}
		unread, unseen := o.state.Counts()
		s.Unread, s.Unseen = s.Unread+unread, s.Unseen+unseen
		if unread > 0 {
			s.By[o.category]++
		}
		of[o.tenant] = s
	}
	if raw := x.b.AppendCounts(nil); json.Unmarshal(raw, &all) != nil || (all.ByTenant != nil) != (len(of) > 0) {
		x.t.Fatalf("counts %s, want those of %d tenants", raw, len(of))
	}
	sum := 0
	for tenant, want := range of {
		var got share
		raw := x.b.AppendCountsOf(nil, tenant)
		if json.Unmarshal(raw, &got) != nil || !reflect.DeepEqual(got, want) {
			x.t.Fatalf("counts of tenant %s are %s, want %+v", tenant, raw, want)
		}
		if n, there := all.ByTenant[tenant]; n != want.Unread || there != (n > 0) {
			x.t.Fatalf("%d unread of tenant %s, want %d", n, tenant, want.Unread)
		}
		sum += int(min(want.Unread, 1))
	}
	if sum != len(all.ByTenant) {
		x.t.Fatalf("counts by tenant %v, want those of %v", all.ByTenant, slices.Collect(maps.Keys(of)))
	}
}

// checkTenants counts the messages of tenants anew.
func (w *world) checkTenants() {
	w.t.Helper()
	b := w.b
	tenants, seen := map[string]label{}, uint32(0)
	for i := range b.entries {
		n := &b.entries[i]
		if name := b.tenantOf(n); name != "" {
			unread, _ := n.State.Counts()
			tenants[name] = label{name, tenants[name].unread + unread, tenants[name].held + 1}
			if n.State != actors.State_SCHEDULED {
				seen++
			}
		}
	}
	for _, c := range b.tenants {
		if want := tenants[c.name]; c.unread != want.unread || c.held != want.held {
			w.t.Fatalf("tenant %q: got %d unread of %d, want %d of %d", c.name, c.unread, c.held, want.unread, want.held)
		}
	}
	if b.tenanted != seen {
		w.t.Fatalf("got %d messages with a tenant, want %d", b.tenanted, seen)
	}
}

// A snapshot from before there were tenants is read as one in which nothing has any.
func TestSnapshotWithoutTenants(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	for _, tenant := range []string{"", "acme"} {
		n := id(tenant, w.now)
		w.do(w.b.Publish(&actors.Message{Id: n[:], Category: "c", Tenant: tenant, CreatedAt: w.now}, actors.EdgeOnce(n), w.moment(), &w.limits))
	}
	var s actors.Snapshot
	if err := s.UnmarshalVT(w.b.snapshot()[1:]); err != nil {
		t.Fatal(err)
	}
	s.Tenants = nil
	if _, err := restored(t, &s); err == nil {
		t.Fatal("a tenant that the snapshot does not name is taken")
	}
	s.Entries[1].Tenant = 0
	b, err := restored(t, &s)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Unread   int
		ByTenant map[string]int `json:"by_tenant"`
	}
	if raw := b.AppendCounts(nil); json.Unmarshal(raw, &got) != nil || got.Unread != 2 || got.ByTenant != nil {
		t.Errorf("got %s", raw)
	}
	n := id("next", w.now)
	d := b.Publish(&actors.Message{Id: n[:], Category: "c", Tenant: "acme", CreatedAt: w.now}, actors.EdgeOnce(n), w.moment(), &w.limits)
	if err := b.Apply(d.Events[0]); err != nil {
		t.Fatal(err)
	}
	if raw := b.AppendCounts(nil); json.Unmarshal(raw, &got) != nil || got.ByTenant["acme"] != 1 {
		t.Errorf("got %s", raw)
	}
}

// restored returns the inbox of a snapshot.
func restored(t *testing.T, s *actors.Snapshot) (*Inbox, error) {
	t.Helper()
	raw, err := s.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	b := New()
	return b, b.restore(append([]byte{actors.EventVersion}, raw...))
}

// A collapse key is one of its tenant: the newest message of another one stays.
func TestCollapseKeyOfATenant(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	for i, m := range []struct {
		tenant, want string // want are the unread messages by tenant
	}{
		{"", `{"unread":1}`}, {"acme", `{"unread":2,"by_tenant":{"acme":1}}`}, {"globex", `{"unread":3,"by_tenant":{"acme":1,"globex":1}}`},
		{"acme", `{"unread":3,"by_tenant":{"globex":1,"acme":1}}`}, {"", `{"unread":3,"by_tenant":{"acme":1,"globex":1}}`},
	} {
		n := id(string(rune('0'+i)), w.now)
		w.do(w.b.Publish(&actors.Message{Id: n[:], Category: "c", Tenant: m.tenant, CollapseKey: "k", CreatedAt: w.now}, actors.EdgeOnce(n), w.moment(), &w.limits))
		var got, want map[string]any
		if raw := w.b.AppendCounts(nil); json.Unmarshal(raw, &got) != nil || json.Unmarshal([]byte(m.want), &want) != nil {
			t.Fatalf("%s, %s", raw, m.want)
		}
		for _, name := range []string{"unseen", "by_category", "rev", "cursor"} {
			delete(got, name)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("message %d: got %v, want %v", i, got, want)
		}
	}
}

// What nobody sees yet is in no count, and does not show that there are tenants.
func TestTenantOfWhatIsScheduled(t *testing.T) {
	w := newWorld(t, actors.Limits{})
	before := string(w.b.AppendCounts(nil))
	n := id("later", w.now)
	m := &actors.Message{Id: n[:], Category: "c", Tenant: "acme", CreatedAt: w.now, SendAt: w.now + 1000}
	if w.do(w.b.Publish(m, actors.EdgeOnce(n), w.moment(), &w.limits)); len(w.b.tenants) != 1 || w.b.tenanted != 0 {
		t.Errorf("got %+v, counts %s, before %s", w.b.tenants, w.b.AppendCounts(nil), before)
	}
	w.now += 1000
	w.do(w.b.Expire(w.moment(), &w.limits))
	if w.b.tenanted != 1 || w.b.tenants[0].unread != 1 {
		t.Errorf("got %+v, %d", w.b.tenants, w.b.tenanted)
	}
}
