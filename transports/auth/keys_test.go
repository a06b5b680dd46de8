package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/transportstest"
)

func TestKeyLife(t *testing.T) {
	ctx := context.Background()
	records := transportstest.NewRecords()
	clock := transportstest.NewClock()
	keys := transportstest.Must(LoadKeys(ctx, records, clock.Now))
	key, text, err := keys.Create(ctx, KeyOrder{App: "shop", Name: "back end", Scopes: transports.ScopePublish | transports.ScopeRead, By: "key:root"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text.Reveal(), "rk_"+key.ID+"_") || len(text.Reveal()) != keyLen {
		t.Fatalf("the key's text has the form %d bytes, id %s", len(text.Reveal()), key.ID)
	}
	for _, value := range records.All[keyKind] {
		if secret := text.Reveal()[keyLen-keySecretLen:]; bytes.Contains(value, []byte(secret)) {
			t.Error("the secret is stored")
		}
	}
	p, err := keys.Verify([]byte(text.Reveal()), netip.Addr{})
	if err != nil || p.App != "shop" || p.ID != "key:"+key.ID || p.Kind != transports.ServerKey || p.Scopes != transports.ScopePublish|transports.ScopeRead {
		t.Fatalf("got %+v, %v", p, err)
	}

	if len(p.Topics.Read) != 1 || len(p.Topics.Write) != 1 {
		t.Errorf("got topics %+v", p.Topics)
	}

	var revoked []string
	keys.OnRevoke(func(id string) {
		_, err := keys.Verify([]byte(text.Reveal()), netip.Addr{})
		transportstest.WantCode(t, err, actors.Unauthorized, "revoked at 2026-03-01T12:00:00Z")
		revoked = append(revoked, id)
	})
	_, err = keys.Revoke(ctx, "other", key.ID)
	transportstest.WantCode(t, err, actors.NotFound, "")
	for range 2 {
		if got, err := keys.Revoke(ctx, "shop", key.ID); err != nil || got.RevokedAt == nil {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if fmt.Sprint(revoked) != "["+key.ID+"]" {
		t.Errorf("told of %v, want the key once", revoked)
	}

	again := transportstest.Must(LoadKeys(ctx, records, nil))
	_, err = again.Verify([]byte(text.Reveal()), netip.Addr{})
	transportstest.WantCode(t, err, actors.Unauthorized, "revoked")
	if l := again.List(ctx, "shop"); len(l) != 1 || l[0].Name != "back end" || l[0].CreatedBy != "key:root" || !l[0].CreatedAt.Equal(clock.Now()) {
		t.Errorf("got %+v", l)
	}
	if l := again.List(ctx, "other"); len(l) != 0 {
		t.Errorf("another app sees %+v", l)
	}
}

func TestKeyVerifyRefuses(t *testing.T) {
	ctx := context.Background()
	keys := transportstest.Must(LoadKeys(ctx, transportstest.NewRecords(), nil))
	key, secret, err := keys.Create(ctx, KeyOrder{App: "shop", Scopes: transports.ScopePublish, By: "key:root"})
	if err != nil {
		t.Fatal(err)
	}
	good := secret.Reveal()
	_, other := newKeyText()
	for name, text := range map[string]string{
		"empty": "", "prefix": "rk_", "short": good[:keyLen-1], "long": good + "a", "upper": strings.ToUpper(good),
		"unknown": other, "other secret": "rk_" + key.ID + other[len("rk_")+keyIDLen:],
		"one byte off": good[:keyLen-1] + string(good[keyLen-1]^1), "no underscore": strings.Replace(good, key.ID+"_", key.ID+"a", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keys.Verify([]byte(text), netip.Addr{})
			transportstest.WantCode(t, err, actors.Unauthorized, "no such server key")
		})
	}
}

func TestKeyCreateRefuses(t *testing.T) {
	ctx := context.Background()
	records := transportstest.NewRecords()
	keys := transportstest.Must(LoadKeys(ctx, records, nil))
	_, _, err := keys.Create(ctx, KeyOrder{App: "a/b", Scopes: transports.ScopeRead})
	transportstest.WantCode(t, err, actors.Invalid, "app")
	_, _, err = keys.Create(ctx, KeyOrder{App: "a", Scopes: 0})
	transportstest.WantCode(t, err, actors.Invalid, "scope")
	_, _, err = keys.Create(ctx, KeyOrder{App: "a", Name: strings.Repeat("n", 129), Scopes: transports.ScopeRead})
	transportstest.WantCode(t, err, actors.Invalid, "128")
	records.Fail = errors.New("disk")
	_, _, err = keys.Create(ctx, KeyOrder{App: "a", Scopes: transports.ScopeRead})
	if !errors.Is(err, records.Fail) || len(keys.List(ctx, "a")) != 0 {
		t.Errorf("got %v and %v; a key that is not stored must not be good", err, keys.List(ctx, "a"))
	}
}

// A second process creates and revokes; the first learns it by Reload.
func TestKeysReload(t *testing.T) {
	ctx := context.Background()
	records := transportstest.NewRecords()
	here, there := transportstest.Must(LoadKeys(ctx, records, nil)), transportstest.Must(LoadKeys(ctx, records, nil))
	var revoked []string
	here.OnRevoke(func(id string) { revoked = append(revoked, id) })
	var ids []string
	var text transports.Secret
	for range 3 {
		key, s, err := there.Create(ctx, KeyOrder{App: "shop", Scopes: transports.ScopePublish})
		if err != nil {
			t.Fatal(err)
		}
		ids, text = append(ids, key.ID), s
	}
	_, err := here.Verify([]byte(text.Reveal()), netip.Addr{})
	transportstest.WantCode(t, err, actors.Unauthorized, "no such")
	if err := here.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := here.Verify([]byte(text.Reveal()), netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	transportstest.Must(there.Revoke(ctx, "shop", ids[2]))
	for range 2 {
		if err := here.Reload(ctx); err != nil {
			t.Fatal(err)
		}
	}
	_, err = here.Verify([]byte(text.Reveal()), netip.Addr{})
	transportstest.WantCode(t, err, actors.Unauthorized, "revoked")
	if fmt.Sprint(revoked) != "["+ids[2]+"]" {
		t.Errorf("told of %v, want %s once", revoked, ids[2])
	}
}

func TestKeysReloadInPages(t *testing.T) {
	ctx := context.Background()
	records := transportstest.NewRecords()
	keys := transportstest.Must(LoadKeys(ctx, records, nil))
	for range 3 {
		_, _, err := keys.Create(ctx, KeyOrder{App: "shop", Scopes: transports.ScopePublish})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range records.All[keyKind] {
		for i := range 1200 {
			id := fmt.Sprintf("%016d", i)
			records.All[keyKind][id] = bytes.Replace(v, v[7:7+keyIDLen], []byte(id), 1)
		}
		break
	}
	if n := len(transportstest.Must(LoadKeys(ctx, records, nil)).List(ctx, "shop")); n != 1203 {
		t.Errorf("got %d keys, want 1203", n)
	}
	records.All[keyKind]["zz"] = []byte("{")
	if err := keys.Reload(ctx); err == nil || !strings.Contains(err.Error(), "key/zz") {
		t.Errorf("got %v, want the bad record's name", err)
	}
	if len(keys.List(ctx, "shop")) != 3 {
		t.Error("a failed reload changed the keys")
	}
}

func TestKeysTogether(t *testing.T) {
	ctx := context.Background()
	keys := transportstest.Must(LoadKeys(ctx, transportstest.NewRecords(), nil))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 25 {
				key, text, err := keys.Create(ctx, KeyOrder{App: "shop", Scopes: transports.ScopePublish})
				if err != nil {
					t.Error(err)
				}
				if _, err := keys.Verify([]byte(text.Reveal()), netip.Addr{}); err != nil {
					t.Error(err)
				}
				if err := keys.Reload(ctx); err != nil {
					t.Error(err)
				}
				if _, err := keys.Revoke(ctx, "shop", key.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := len(keys.List(ctx, "shop")); n != 100 {
		t.Errorf("got %d keys, want 100", n)
	}
}

func TestKeyIsBounded(t *testing.T) {
	ctx := context.Background()
	clock := transportstest.NewClock()
	records := transportstest.NewRecords()
	keys := transportstest.Must(LoadKeys(ctx, records, clock.Now))
	key, text, err := keys.Create(ctx, KeyOrder{App: "shop", Scopes: transports.ScopeRead, ExpiresAt: clock.Now().Add(time.Hour),
		Addresses: transportstest.Must(transports.ParseNetworks([]string{"192.0.2.0/24", "2001:db8::1"}))})
	if err != nil {
		t.Fatal(err)
	}
	verify := func(from string) error {
		a := netip.Addr{}
		if from != "" {
			a = netip.MustParseAddr(from)
		}
		_, err := keys.Verify([]byte(text.Reveal()), a)
		return err
	}
	transportstest.WantCode(t, verify("192.0.2.77"), "", "")
	transportstest.WantCode(t, verify("2001:db8::1"), "", "")
	transportstest.WantCode(t, verify("2001:db8::2"), actors.Forbidden, "2001:db8::2")
	transportstest.WantCode(t, verify("198.51.100.1"), actors.Forbidden, "may not be used from the address")
	transportstest.WantCode(t, verify(""), actors.Forbidden, "")
	p := transportstest.Must(keys.Verify([]byte(text.Reveal()), netip.MustParseAddr("192.0.2.1")))
	if !p.Expires.Equal(clock.Now().Add(time.Hour)) {
		t.Errorf("its connections end at %v", p.Expires)
	}
	clock.Add(time.Hour)
	transportstest.WantCode(t, verify("192.0.2.77"), actors.Unauthorized, "expired at")
	if !transportstest.Must(LoadKeys(ctx, records, clock.Now)).List(ctx, "shop")[0].Ended(clock.Now()) {
		t.Error("the key is good after its end, as it was stored")
	}
	transportstest.WantCode(t, keys.Remove(ctx, "other", key.ID), actors.NotFound, "")
	transportstest.WantCode(t, keys.Remove(ctx, "shop", key.ID), "", "")
	transportstest.WantCode(t, verify("192.0.2.77"), actors.Unauthorized, "no such")
}

// A key that was made where anybody can make one is good nowhere else.
func TestKeyOfDevelopment(t *testing.T) {
	ctx := context.Background()
	keys := transportstest.Must(LoadKeys(ctx, transportstest.NewRecords(), nil))
	_, text, err := keys.Create(ctx, KeyOrder{App: "shop", Scopes: transports.ScopeAdmin, By: transports.DevCaller.ID})
	if err != nil {
		t.Fatal(err)
	}
	_, err = keys.Verify([]byte(text.Reveal()), netip.Addr{})
	transportstest.WantCode(t, err, actors.Unauthorized, "development mode")
}

func TestKeyUses(t *testing.T) {
	ctx := context.Background()
	clock := transportstest.NewClock()
	records := transportstest.NewRecords()
	here, there := transportstest.Must(LoadKeys(ctx, records, clock.Now)), transportstest.Must(LoadKeys(ctx, records, clock.Now))
	_, text, err := here.Create(ctx, KeyOrder{App: "shop", Scopes: transports.ScopeRead})
	if err != nil {
		t.Fatal(err)
	}
	if at := here.List(ctx, "shop")[0].LastUsedAt; at != nil {
		t.Errorf("it was used at %v before it was", at)
	}
	for range 3 {
		transportstest.Must(here.Verify([]byte(text.Reveal()), netip.Addr{}))
	}
	transportstest.WantCode(t, here.Reload(ctx), "", "")
	used := clock.Now()
	transportstest.WantCode(t, here.NoteUses(ctx), "", "")
	clock.Add(time.Hour)
	transportstest.WantCode(t, here.NoteUses(ctx), "", "") // not used since
	transportstest.WantCode(t, there.Reload(ctx), "", "")
	for _, k := range []*Keys{here, there} {
		if at := k.List(ctx, "shop")[0].LastUsedAt; at == nil || !at.Equal(used) {
			t.Errorf("it was last used at %v, want %v", at, used)
		}
	}
}

func FuzzKey(f *testing.F) {
	ctx := context.Background()
	keys := transportstest.Must(LoadKeys(ctx, transportstest.NewRecords(), nil))
	_, secret, err := keys.Create(ctx, KeyOrder{App: "shop", Scopes: transports.ScopePublish})
	if err != nil {
		f.Fatal(err)
	}
	good := secret.Reveal()
	f.Add([]byte(good[:keyLen-1]))
	f.Add([]byte(strings.Repeat("rk_", 24)))
	f.Add([]byte("rk_aaaaaaaaaaaaaaaa_" + strings.Repeat("a", 52)))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := keys.Verify(text, netip.Addr{})
		if (err == nil) != (string(text) == good) || (p == nil) != (err != nil) {
			t.Fatalf("%q: got %v, %v", text, p, err)
		}
	})
}

func BenchmarkKeyVerify(b *testing.B) {
	ctx := context.Background()
	keys := transportstest.Must(LoadKeys(ctx, transportstest.NewRecords(), nil))
	var secret transports.Secret
	for range 100 {
		_, s, err := keys.Create(ctx, KeyOrder{App: "shop", Scopes: transports.ScopePublish})
		if err != nil {
			b.Fatal(err)
		}
		secret = s
	}
	text := []byte(secret.Reveal())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Verify(text, netip.Addr{}); err != nil {
			b.Fatal(err)
		}
	}
}
