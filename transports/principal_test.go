package transports

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports/transportstest"
)

func TestParseUser(t *testing.T) {
	for name, ok := range map[string]bool{
		"alice": true, "a": true, "A.b_c:d@e-9": true, "...": true, "Me": true,
		strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
		"": false, "me": false, ".": false, "..": false, "a b": false, "a/b": false,
		"a%20": false, "ä": false, "a\x00": false, "a#": false, "a+": false, "$a": false,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseUser(name)
			if ok {
				transportstest.WantCode(t, err, "", "")
				if got != name {
					t.Errorf("got %q", got)
				}
				return
			}
			if e := transportstest.WantCode(t, err, actors.Invalid, ""); e.Field != "user" {
				t.Errorf("got field %q, want user", e.Field)
			}
		})
	}
}

func FuzzUser(f *testing.F) {
	for _, s := range []string{"alice", "me", "", "..", "a\xffb", strings.Repeat("x", 200)} {
		f.Add(s)
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-"
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseUser(s)
		good := len(s) >= 1 && len(s) <= 128 && strings.Trim(s, letters) == "" && s != "me" && s != "." && s != ".."
		for _, c := range []byte(s) {
			good = good && strings.IndexByte(letters, c) >= 0
		}
		if good != (err == nil) || err == nil && got != s {
			t.Fatalf("%q: got %q, %v, want good = %t", s, got, err, good)
		}
	})
}

func TestParseApp(t *testing.T) {
	for _, name := range []string{"default", "shop-1", "a.b_c"} {
		if _, err := ParseApp(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "a/b", "a:b", ".", "..", strings.Repeat("a", 65)} {
		_, err := ParseApp(name)
		transportstest.WantCode(t, err, actors.Invalid, "app")
	}
}

func TestPrincipal(t *testing.T) {
	key := &Principal{ID: "key:k", App: "shop", Kind: ServerKey, Scopes: ScopePublish}
	alice := &Principal{ID: "user:alice", App: "shop", Kind: UserToken, Scopes: ScopeRead, User: "alice"}
	reader := &Principal{ID: "key:r", App: "shop", Kind: ServerKey, Scopes: ScopeRead}
	admin := &Principal{ID: "key:a", App: "shop", Kind: ServerKey, Scopes: ScopeAdmin}
	operator := &Principal{ID: "key:o", Kind: ServerKey, Scopes: ScopeOperator}
	anybody := &Principal{ID: "user:anonymous:a", App: "default", Kind: Anonymous, User: "anonymous:a"}
	nobody := &Principal{Scopes: ScopeAll}
	for _, c := range []struct {
		name string
		err  error
		code actors.Code
		text string
	}{
		{"key publishes", key.Can(ToPublish), "", ""},
		{"key marks", key.Can(ToMark), "", ""},
		{"key reads", key.Can(ToWatch), actors.Forbidden, "server key has not the scope read"},
		{"reader marks", reader.Can(ToMark), actors.Forbidden, "has not the scope publish"},
		{"admin supports", admin.Can(ToSupport), "", ""},
		{"admin operates", admin.Can(ToOperate), actors.Forbidden, "has not the scope operator"},
		{"operator governs", operator.Can(ToAdminister), actors.Forbidden, "has not the scope admin"},
		{"operator operates", operator.Can(ToOperate), "", ""},
		{"key reaches", key.Reaches("bob"), "", ""},
		{"operator reaches", operator.Reaches("bob"), actors.Forbidden, "no app"},
		{"token reads", alice.Can(ToWatch), "", ""},
		{"token marks", alice.Can(ToMark), "", ""},
		{"token publishes", alice.Can(ToPublish), actors.Forbidden, "takes a server key"},
		{"token reaches itself", alice.Reaches("alice"), "", ""},
		{"token reaches another", alice.Reaches("bob"), actors.Forbidden, "only its own user"},
		{"anonymous marks", anybody.Can(ToMark), "", ""},
		{"anonymous publishes", anybody.Can(ToPublish), actors.Forbidden, ""},
		{"anonymous reaches another", anybody.Reaches("a"), actors.Forbidden, "only its own user"},
		{"developer", DevCaller.Can(ToOperate), "", ""},
		{"developer reaches", DevCaller.Reaches("bob"), "", ""},
		{"nobody, whatever its scopes", nobody.Can(ToWatch), actors.Unauthorized, "Bearer"},
		{"nobody reaches", nobody.Reaches("bob"), actors.Unauthorized, ""},
		{"nil", (*Principal)(nil).Can(ToWatch), actors.Unauthorized, ""},
	} {
		t.Run(c.name, func(t *testing.T) { transportstest.WantCode(t, c.err, c.code, c.text) })
	}
}

func TestResolve(t *testing.T) {
	alice := &Principal{Kind: UserToken, User: "alice"}
	for _, c := range []struct {
		who        *Principal
		name, want string
		code       actors.Code
	}{
		{alice, "me", "alice", ""},
		{alice, "alice", "alice", ""},
		{alice, "bob", "", actors.Forbidden},
		{alice, "..", "", actors.Invalid},
		{DevCaller, "bob", "bob", ""},
		{DevCaller, "me", "", actors.Invalid},
		{&Principal{Kind: ServerKey, App: "shop"}, "bob", "bob", ""},
		{&Principal{}, "bob", "", actors.Unauthorized},
	} {
		got, err := c.who.Resolve(c.name)
		transportstest.WantCode(t, err, c.code, "")
		if got != c.want {
			t.Errorf("%s resolves %q to %q, want %q", c.who.Kind, c.name, got, c.want)
		}
	}
}

func TestKindNames(t *testing.T) {
	for k, want := range map[Kind]string{Nobody: "nobody", ServerKey: "server key", UserToken: "user token", Developer: "developer", 99: "nobody"} {
		if k.String() != want {
			t.Errorf("got %q, want %q", k, want)
		}
	}
}

func TestExpired(t *testing.T) {
	now := time.Now()
	if (&Principal{}).Expired(now) {
		t.Error("a key expired")
	}
	p := &Principal{Expires: now}
	if !p.Expired(now) || p.Expired(now.Add(-1)) {
		t.Error("a token is valid before Expires, and not at it")
	}
}

func TestScopesJSON(t *testing.T) {
	for _, s := range []Scopes{ScopePublish, ScopeRead | ScopeAdmin, ScopeApp, ScopeOperator} {
		var got Scopes
		if err := json.Unmarshal(transportstest.Must(json.Marshal(s)), &got); err != nil || got != s {
			t.Errorf("%v became %v, %v", s, got, err)
		}
	}
	var got Scopes
	transportstest.WantCode(t, json.Unmarshal([]byte(`["publish","fly"]`), &got), actors.Invalid, `"fly"`)
	transportstest.WantCode(t, json.Unmarshal([]byte(`[]`), &got), actors.Invalid, "at least one")
	transportstest.WantCode(t, json.Unmarshal([]byte(`["operator","read"]`), &got), actors.Invalid, "stands alone")
}
