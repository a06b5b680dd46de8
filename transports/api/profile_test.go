package api

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"reddot/actors"
	"reddot/transports"
)

// Keys as a browser's subscription has them.
var (
	pushPoint  = base64.RawURLEncoding.EncodeToString(append([]byte{4}, make([]byte, 64)...))
	pushSecret = base64.RawURLEncoding.EncodeToString(make([]byte, 16))
)

// A profile and preferences with each member, as they come back.
var (
	wholeProfile = `{"tags":["beta","vip"],"attributes":{"active":true,"city":"上海","levels":[1,2.5],"list":["a"],"none":[],"score":-1.5,"since":"2026-01-31T09:30:00.000Z"},` +
		`"locale":"zh-CN","zone":"Asia/Shanghai","tenants":["acme"],"addresses":{"apns":[{"token":"t","topic":"com.example"}],"email":[{"address":"a@b.c"},{"address":"d@e.f"}],` +
		`"fcm":[{"token":"f"}],"jpush":[{"token":"j"}],"sms":[{"address":"+8613800000000"}],"webpush":[{"endpoint":"https://push.example/1","keys":{"p256dh":"` + pushPoint + `","auth":"` + pushSecret + `"}}],` +
		`"wechat_mp":[{"openid":"o","account":"shop"}]}}`
	wholePreferences = `{"categories":{"order":{"email":true,"sms":false}},"channels":{"inapp":true},"quiet_hours":{"from":"22:00","to":"24:00","zone":"Europe/Berlin","days":["mon","sun"]},` +
		`"muted_until":"2020-01-01T00:00:00.000Z","tenants":{"acme":{"categories":{},"channels":{"sms":false}}}}`
)

// TestProfileRoundTrip: what is written comes back, and can be written again.
func TestProfileRoundTrip(t *testing.T) {
	s := serve(t, nil)
	for path, body := range map[string]string{"/v1/users/alice": wholeProfile, "/v1/users/alice/preferences": wholePreferences} {
		for range 2 {
			a := s.do("PUT", path, s.admin, body)
			if b := s.do("GET", path, s.reader, ""); a.StatusCode != 200 || string(a.body) != body || string(b.body) != body {
				t.Errorf("%s: got %d\n%s\nthen\n%s\nwant\n%s", path, a.StatusCode, a.body, b.body, body)
			}
		}
	}
	a := s.do("PATCH", "/v1/users/alice", s.publisher, `{"tags":[],"attributes":{"city":null,"new":"x"},"tenants":null,"addresses":{"apns":[],"email":null,"fcm":null,"jpush":null,"sms":null,"webpush":null}}`)
	want := `{"tags":[],"attributes":{"active":true,"levels":[1,2.5],"list":["a"],"new":"x","none":[],"score":-1.5,"since":"2026-01-31T09:30:00.000Z"},"locale":"zh-CN","zone":"Asia/Shanghai","tenants":[],"addresses":{"wechat_mp":[{"openid":"o","account":"shop"}]}}`
	if string(a.body) != want {
		t.Errorf("got\n%s\nwant\n%s", a.body, want)
	}
	a = s.do("PATCH", "/v1/users/alice", s.publisher, `{"attributes":null,"addresses":null,"locale":null,"zone":null}`)
	if string(a.body) != `{"tags":[],"attributes":{},"tenants":[],"addresses":{}}` {
		t.Errorf("got %s", a.body)
	}
}

// TestProfileRefusals: what can't be kept as it is written is refused, with its place.
func TestProfileRefusals(t *testing.T) {
	s := serve(t, nil)
	for body, field := range map[string]string{
		`[]`: "body", `{"name":"x"}`: "name", `{"tags":[1]}`: "tags", `{"tags":"vip"}`: "tags", `{"tags":[""]}`: "tags", `{"tags":null}`: "tags",
		`{"tags":[],"tags":[]}`: "tags", `{"attributes":[]}`: "attributes", `{"attributes":{"a":null}}`: "attributes.a", `{"attributes":{"a":{}}}`: "attributes.a",
		`{"attributes":{"a":1,"a":2}}`: "attributes.a", `{"attributes":{"a":["x",1]}}`: "attributes.a", `{"attributes":{"a":[true]}}`: "attributes.a", `{"attributes":{"a":1e999}}`: "attributes.a",
		`{"attributes":{"a":9007199254740993}}`: "attributes.a", `{"attributes":{"":1}}`: "attributes", `{"zone":"Asia/Peking"}`: "zone", `{"zone":"Local"}`: "zone", `{"zone":""}`: "zone",
		`{"locale":"zh_CN"}`: "locale", `{"addresses":{"fax":[{"number":"1"}]}}`: "addresses.fax", `{"addresses":{"fax":[{}]}}`: "addresses.fax", `{"addresses":{"email":{}}}`: "addresses.email", `{"addresses":{"email":[{}]}}`: "addresses.email",
		`{"addresses":{"email":[{"address":"a"}]}}`: "addresses.email.address", `{"addresses":{"email":[{"address":"a@b","name":"x"}]}}`: "addresses.email.name",
		`{"addresses":{"webpush":[{"endpoint":"https://x","keys":{"p":"x"}}]}}`: "addresses.webpush.keys.p",
	} {
		wantProblem(t, s.do("PUT", "/v1/users/alice", s.admin, body), 400, actors.Invalid, field)
	}
	for body, field := range map[string]string{
		`{"category":{}}`: "category", `{"categories":{"order":{"fax":true}}}`: "categories.order.fax", `{"categories":{"order":{"sms":1}}}`: "categories.order.sms", `{"channels":{"sms":"off"}}`: "channels.sms",
		`{"quiet_hours":{"from":"22:00"}}`: "quiet_hours", `{"quiet_hours":{"from":"22:00","to":"8:00"}}`: "quiet_hours.to", `{"quiet_hours":{"from":"24:00","to":"08:00"}}`: "quiet_hours.from",
		`{"quiet_hours":{"from":"22:60","to":"08:00"}}`: "quiet_hours.from", `{"quiet_hours":{"from":"22:00","to":"08:00","days":[]}}`: "quiet_hours.days", `{"quiet_hours":{"from":"22:00","to":"08:00","days":["Mon"]}}`: "quiet_hours.days",
		`{"quiet_hours":{"from":"22:00","to":"08:00","zone":"X"}}`: "quiet_hours.zone", `{"muted_until":"tomorrow"}`: "muted_until", `{"tenants":{"a":{"tenants":{}}}}`: "tenants.a.tenants", `{"tenants":{"a b":{}}}`: "tenants",
	} {
		wantProblem(t, s.do("PUT", "/v1/users/alice/preferences", s.admin, body), 400, actors.Invalid, field)
	}
	if n := len(s.router.commands()); n != 0 {
		t.Errorf("%d commands came to actors", n)
	}
}

// token returns one of alice's, with claims more.
func token(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	claims["sub"], claims["exp"] = "alice", time.Now().Add(time.Hour).Unix()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestProfileRights: a user reads what is its own, and writes its preferences and
// follows alone; keys write by their scopes.
func TestProfileRights(t *testing.T) {
	s := serve(t, nil)
	bound := token(t, jwt.MapClaims{"topics": map[string]any{"read": []string{"news/#"}}})
	for _, c := range []struct {
		who, method, path, token, body string
		status                         int
	}{
		{"alice", "GET", "", s.alice, "", 200},
		{"alice", "PUT", "", s.alice, `{}`, 403},
		{"alice", "PATCH", "", s.alice, `{}`, 403},
		{"alice", "DELETE", "", s.alice, "", 403},
		{"alice", "GET", "/preferences", s.alice, "", 200},
		{"alice", "PUT", "/preferences", s.alice, `{}`, 200},
		{"alice", "PUT", "/follows/a", s.alice, "", 200},
		{"alice", "GET", "/follows", s.alice, "", 200},
		{"alice", "DELETE", "/follows/a", s.alice, "", 200},
		{"me", "PUT", "/follows/news/eu", bound, "", 200},
		{"me", "PUT", "/follows/staff", bound, "", 403},
		{"bob", "GET", "", s.alice, "", 403},
		{"bob", "PUT", "/preferences", s.alice, `{}`, 403},
		{"bob", "PUT", "/follows/a", s.alice, "", 403},
		{"bob", "GET", "", s.reader, "", 200},
		{"bob", "PUT", "", s.reader, `{}`, 403},
		{"bob", "PUT", "/preferences", s.reader, `{}`, 403},
		{"bob", "PUT", "/follows/a", s.reader, "", 403},
		{"bob", "PUT", "", s.publisher, `{}`, 200},
		{"bob", "PUT", "/follows/a", s.publisher, "", 200},
		{"bob", "DELETE", "", s.publisher, "", 403},
		{"bob", "DELETE", "", s.admin, "", 204},
	} {
		if a := s.do(c.method, "/v1/users/"+c.who+c.path, c.token, c.body); a.StatusCode != c.status {
			t.Errorf("%s %s%s: got %d %s, want %d", c.method, c.who, c.path, a.StatusCode, a.body, c.status)
		}
	}
}

// TestFollowNames: a topic is all that stands in the path behind the list, and an
// Idempotency-Key stands for all of it.
func TestFollowNames(t *testing.T) {
	s := serve(t, nil)
	for path, want := range map[string]string{"news": "news", "a/b/c": "a/b/c", "a%2Fb": "a/b", "%E4%B8%8A%E6%B5%B7": "上海", "a//b": "a//b"} {
		s.do("PUT", "/v1/users/%61lice/follows/"+path, s.admin, "")
		if got, ok := s.router.last().(*actors.Follow); !ok || got.Topic != want || got.Stop {
			t.Errorf("%s: got %+v, want %q", path, s.router.last(), want)
		}
	}
	for _, path := range []string{"a/%23", "%2B", "$sys", strings.Repeat("x", transports.MaxTopic+1), "%00"} {
		wantProblem(t, s.do("PUT", "/v1/users/alice/follows/"+path, s.admin, ""), 400, actors.Invalid, "topic")
	}
	if a := s.do("PUT", "/v1/users/alice/follows/x/1", s.admin, "", onceHeader, "k"); a.StatusCode != 200 || a.Header.Get("Idempotent-Replayed") != "" {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	if a := s.do("PUT", "/v1/users/alice/follows/x/1", s.admin, "", onceHeader, "k"); a.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	wantProblem(t, s.do("PUT", "/v1/users/alice/follows/x/2", s.admin, "", onceHeader, "k"), 422, actors.IdempotencyConflict, "")
}

// TestEraseIsAudited: who erased whom is written down.
func TestEraseIsAudited(t *testing.T) {
	s := serve(t, nil)
	if a := s.do("DELETE", "/v1/users/alice", s.admin, ""); a.StatusCode != 204 {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	if a := s.do("GET", "/v1/audit?action=user.erase", s.admin, ""); !bytes.Contains(a.body, []byte(`"target":"user:alice"`)) {
		t.Errorf("got %s", a.body)
	}
}
