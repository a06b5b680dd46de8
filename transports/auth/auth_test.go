package auth

import (
	"context"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/transportstest"
)

type testAuth struct {
	*Auth
	tokens testTokens
	key    string // with scope publish, of app shop
	token  string // of alice, of app default
}

func newTestAuth(tb testing.TB, cfg AuthConfig, l transports.Limits) testAuth {
	tb.Helper()
	tokens := newTestTokens(tb, map[string]Verification{"default": {Secret: transports.NewSecret(testSecret)}})
	keys := transportstest.Must(LoadKeys(context.Background(), transportstest.NewRecords(), nil))
	_, key, err := keys.Create(context.Background(), KeyOrder{App: "shop", Scopes: transports.ScopePublish})
	if err != nil {
		tb.Fatal(err)
	}
	gate := transportstest.Must(transports.NewGate(l, tokens.clock.Now))
	return testAuth{NewAuth(cfg, keys, tokens.Tokens, gate), tokens, key.Reveal(), transportstest.Must(tokens.Issue("default", "alice", time.Hour, transports.Topics{}))}
}

func TestAuthCaller(t *testing.T) {
	a := newTestAuth(t, AuthConfig{Origins: transportstest.Must(transports.ParseOrigins([]string{"https://app.example", "https://*.shop.example"}))}, transports.Limits{})
	const good, evil = "https://app.example", "https://evil.example"
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket"}
	cookie := []string{"Cookie", "other=1; reddot_token=" + a.token}
	join := func(lists ...[]string) (all []string) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	for _, c := range []struct {
		name, method, uri string
		header            []string
		who               string
		code              actors.Code
		says              string
	}{
		{"key", "POST", "/", []string{"Authorization", "Bearer " + a.key}, "shop/key", "", ""},
		{"token", "GET", "/", []string{"Authorization", "bearer  " + a.token}, "user:alice", "", ""},
		{"query", "GET", "/?token=" + a.token, nil, "user:alice", "", ""},
		{"query writes, from anywhere", "POST", "/?token=" + a.token, []string{"Origin", evil}, "user:alice", "", ""},
		{"protocol", "GET", "/", join(upgrade, []string{"Sec-WebSocket-Protocol", "reddot.v1, bearer." + a.token}), "user:alice", "", ""},
		{"protocol in a second line", "GET", "/", join(upgrade, []string{"Sec-WebSocket-Protocol", "reddot.v1", "Sec-WebSocket-Protocol", "bearer." + a.token}), "user:alice", "", ""},
		{"protocol without a WebSocket", "GET", "/", []string{"Sec-WebSocket-Protocol", "bearer." + a.token}, "", actors.Unauthorized, "Bearer"},
		{"cookie reads", "GET", "/", cookie, "user:alice", "", ""},
		{"cookie reads from anywhere", "GET", "/", join(cookie, []string{"Origin", evil}), "user:alice", "", ""},
		{"cookie writes from an allowed page", "POST", "/", join(cookie, []string{"Origin", good}), "user:alice", "", ""},
		{"cookie writes from a page below", "POST", "/", join(cookie, []string{"Origin", "https://a.shop.example"}), "user:alice", "", ""},
		{"cookie writes from elsewhere", "POST", "/", join(cookie, []string{"Origin", evil}), "", actors.Forbidden, "https://evil.example"},
		{"cookie writes from nowhere", "DELETE", "/", cookie, "", actors.Forbidden, "needs an Origin"},
		{"cookie writes from a sandbox", "POST", "/", join(cookie, []string{"Origin", "null"}), "", actors.Forbidden, "null"},
		{"cookie opens a WebSocket", "GET", "/", join(cookie, upgrade, []string{"Origin", good}), "user:alice", "", ""},
		{"cookie opens a WebSocket from elsewhere", "GET", "/", join(cookie, upgrade, []string{"Origin", evil}), "", actors.Forbidden, "evil"},
		{"cookie opens a WebSocket among others", "GET", "/", join(cookie, []string{"Connection", "keep-alive, Upgrade", "Upgrade", "h2c, WebSocket", "Origin", evil}), "", actors.Forbidden, "evil"},
		{"header before cookie", "POST", "/", join(cookie, []string{"Authorization", "Bearer " + a.key, "Origin", evil}), "shop/key", "", ""},
		{"a bad header is not saved by a good cookie", "GET", "/", join(cookie, []string{"Authorization", "Bearer x"}), "", actors.Unauthorized, "no well-formed"},
		{"basic is for the proxy", "GET", "/?token=" + a.token, []string{"Authorization", "Basic YTpi"}, "user:alice", "", ""},
		{"two headers", "GET", "/", []string{"Authorization", "Bearer " + a.key, "Authorization", "Bearer " + a.token}, "", actors.Unauthorized, "more than one"},
		{"nothing", "GET", "/", nil, "", actors.Unauthorized, "Authorization: Bearer"},
		{"empty everything", "GET", "/?token=", []string{"Authorization", "Bearer ", "Cookie", "reddot_token="}, "", actors.Unauthorized, "Authorization: Bearer"},
		{"bad key", "GET", "/", []string{"Authorization", "Bearer rk_x"}, "", actors.Unauthorized, "no such server key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := a.Caller(transportstest.Request(transportstest.TCP("192.0.2.1"), c.method, c.uri, c.header...))
			transportstest.WantCode(t, err, c.code, c.says)
			switch {
			case c.code != "":
				if p != nil {
					t.Errorf("got %+v", p)
				}
			case c.who == "shop/key":
				if p.Kind != transports.ServerKey || p.App != "shop" {
					t.Errorf("got %+v", p)
				}
			case p.ID != c.who:
				t.Errorf("got %+v", p)
			}
		})
	}
	_, err := a.Writer(transportstest.Request(transportstest.TCP("192.0.2.1"), "GET", "/", join(cookie, []string{"Origin", evil})...))
	transportstest.WantCode(t, err, actors.Forbidden, "evil")
}

func TestAuthDev(t *testing.T) {
	a := newTestAuth(t, AuthConfig{Dev: true, Origins: transportstest.Must(transports.ParseOrigins([]string{"https://app.example"})).WithLoopback()}, transports.Limits{})
	ws := []string{"Connection", "Upgrade", "Upgrade", "websocket"}
	for _, c := range []struct {
		method string
		header []string
		ok     bool
	}{
		{"POST", []string{"Host", "localhost"}, true},
		{"POST", []string{"Host", "127.0.0.1", "Authorization", "Bearer nonsense"}, true},
		{"POST", []string{"Host", "localhost:7777", "Origin", "http://localhost:5173"}, true},
		{"POST", []string{"Host", "127.0.0.1:7777", "Origin", "http://127.0.0.2"}, true},
		{"POST", []string{"Host", "[::1]:7777", "Origin", "http://[::1]:7777"}, true},
		{"POST", []string{"Host", "shop.localhost", "Origin", "https://shop.localhost"}, true},
		{"POST", []string{"Host", "localhost", "Origin", "https://app.example"}, true},
		{"GET", []string{"Host", "app.example"}, true},
		{"GET", []string{"Host", "localhost", "Origin", "https://evil.example"}, true}, // without CORS
		{"POST", []string{"Host", "localhost", "Origin", "https://evil.example", "Cookie", "reddot_token=x"}, false},
		{"POST", []string{"Host", "localhost", "Origin", "null"}, false},
		{"POST", []string{"Host", "localhost", "Origin", "http://localhost.evil.example"}, false},
		{"POST", []string{"Host", "localhost", "Sec-Fetch-Site", "cross-site"}, false},
		{"GET", append([]string{"Host", "localhost", "Origin", "https://evil.example"}, ws...), false},
		{"GET", []string{"Host", "evil.example"}, false},
		{"GET", []string{"Host", "127.0.0.1.evil.example:7777"}, false},
	} {
		p, err := a.Caller(transportstest.Request(transportstest.TCP("127.0.0.1"), c.method, "/", c.header...))
		switch {
		case !c.ok:
			transportstest.WantCode(t, err, actors.Forbidden, "development mode")
		case err != nil || p.Kind != transports.Developer || p.App != transports.DefaultApp || p.ID != "dev" || p.Can(transports.ToOperate) != nil:
			t.Errorf("%s %v: got %+v, %v", c.method, c.header, p, err)
		}
	}
	if p, err := a.Verify(t.Context(), nil, netip.Addr{}); err != nil || p != transports.DevCaller {
		t.Errorf("got %+v, %v", p, err)
	}
}

// Bad tokens from an address do not shut out good ones, nor keys.
func TestAuthFailureLimit(t *testing.T) {
	a := newTestAuth(t, AuthConfig{}, transports.Limits{FailuresPerAddress: 1, FailureBurst: 3})
	verify := func(text string, from netip.Addr) error {
		_, err := a.Verify(t.Context(), []byte(text), from)
		return err
	}
	transportstest.WantCode(t, verify(a.token, transportstest.Addr1), "", "")
	for i := range 3 { // three others: one that is tried again counts once
		transportstest.WantCode(t, verify("bad"+strconv.Itoa(i), transportstest.Addr1), actors.Unauthorized, "")
	}
	fresh := transportstest.Must(a.tokens.Issue("default", "bob", time.Hour, transports.Topics{}))
	if e := transportstest.WantCode(t, verify("bad", transportstest.Addr1), actors.TooMany, "bad credentials"); e.RetryAfter <= 0 {
		t.Error("no retry after")
	}
	transportstest.WantCode(t, verify(fresh, transportstest.Addr1), "", "")
	transportstest.WantCode(t, verify(a.token, transportstest.Addr1), "", "")
	transportstest.WantCode(t, verify(a.key, transportstest.Addr1), "", "")
	transportstest.WantCode(t, verify(fresh, transportstest.Addr2), "", "")
	transportstest.WantCode(t, verify("", transportstest.Addr2), actors.Unauthorized, "Bearer")
	a.tokens.clock.Add(time.Second)
	transportstest.WantCode(t, verify(transportstest.Must(a.tokens.Issue("default", "carol", time.Hour, transports.Topics{})), transportstest.Addr1), "", "")
}

func TestAuthReplace(t *testing.T) {
	a := newTestAuth(t, AuthConfig{}, transports.Limits{})
	if _, err := a.Verify(t.Context(), []byte(a.token), transportstest.Addr1); err != nil {
		t.Fatal(err)
	}
	other := newTestTokens(t, map[string]Verification{"default": {Secret: transports.NewSecret("another " + testSecret)}})
	a.Replace(AuthConfig{Origins: transportstest.Must(transports.ParseOrigins([]string{"https://new.example"}))}, other.Tokens)
	_, err := a.Verify(t.Context(), []byte(a.token), transportstest.Addr1)
	transportstest.WantCode(t, err, actors.Unauthorized, "signature does not match")
	transportstest.WantCode(t, a.checkOrigin(transportstest.Request(transportstest.TCP("192.0.2.1"), "POST", "/", "Origin", "https://new.example"), fromCookie), "", "")
}

func TestSource(t *testing.T) {
	for s, want := range map[source]string{fromNowhere: "nowhere", fromHeader: "header", fromProtocol: "protocol", fromQuery: "query", fromCookie: "cookie"} {
		if s.String() != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
}

func TestOrigins(t *testing.T) {
	o := transportstest.Must(transports.ParseOrigins([]string{"https://App.example", "http://localhost:3000", "https://*.shop.example", "https://*.port.example:8443"}))
	for origin, want := range map[string]bool{
		"https://app.example": true, "http://localhost:3000": true, "https://a.shop.example": true, "https://a.b.shop.example": true,
		"https://a.port.example:8443": true,
		"http://app.example":          false, "https://app.example:444": false, "https://app.example.evil": false, "https://xapp.example": false,
		"https://shop.example": false, "https://.shop.example": false, "https://evilshop.example": false, "http://a.shop.example": false,
		"https://evil/.shop.example": false, "https://evil@a.shop.example": false, "https://a.port.example": false, "null": false, "": false, "*": false,
	} {
		if got := o.Allows([]byte(origin)); got != want {
			t.Errorf("%s: got %t, want %t", origin, got, want)
		}
	}
	if (transports.Origins{}).Allows([]byte("https://app.example")) {
		t.Error("the zero Origins allow one")
	}
	for _, bad := range []string{"*", "null", "", "app.example", "https://", "https://a/", "https://a/b", "https://a?b", "https://u@a", "https://*", "https://a.*.b", "https://*a.b", "https://*."} {
		if _, err := transports.ParseOrigins([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzCredentials(f *testing.F) {
	a := newTestAuth(f, AuthConfig{}, transports.Limits{FailuresPerAddress: -1})
	f.Add("Bearer "+a.token, "", "", "")
	f.Add("", "reddot.v1, bearer.x", "%74oken=y", "reddot_token=z")
	f.Add("Bearer", ",,bearer.", "token", "reddot_token")
	f.Fuzz(func(t *testing.T, authorization, protocol, query, cookie string) {
		ctx := transportstest.Request(transportstest.TCP("192.0.2.1"), "GET", "/")
		ctx.QueryArgs().Parse(query)
		h := &ctx.Request.Header
		h.Set("Authorization", authorization)
		h.Set("Connection", "Upgrade")
		h.Set("Upgrade", "websocket")
		h.Set("Sec-WebSocket-Protocol", protocol)
		h.Set("Cookie", cookie)
		c, err := readCredentials(ctx)
		if (err == nil) != (len(c.Text) > 0) || (c.Source == fromNowhere) != (err != nil) {
			t.Fatalf("got %s %q, %v", c.Source, c.Text, err)
		}
		if p, err := a.Caller(ctx); (p == nil) != (err != nil) {
			t.Fatalf("got %v, %v", p, err)
		}
	})
}

func BenchmarkCaller(b *testing.B) {
	a := newTestAuth(b, AuthConfig{}, transports.Limits{})
	for name, ctx := range map[string]*fasthttp.RequestCtx{
		"key":   transportstest.Request(transportstest.TCP("192.0.2.1"), "POST", "/", "Authorization", "Bearer "+a.key),
		"token": transportstest.Request(transportstest.TCP("192.0.2.1"), "GET", "/", "Authorization", "Bearer "+a.token),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Caller(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A client that tries one bad token again and again costs its address one
// failure, and shuts out nobody who comes from there.
func TestBadTokenCountsOnce(t *testing.T) {
	a := newTestAuth(t, AuthConfig{}, transports.Limits{FailuresPerAddress: 0.001, FailureBurst: 3})
	from := netip.MustParseAddr("192.0.2.1")
	expired := sign(jwt.SigningMethodHS256, []byte(testSecret), nil, with(a.tokens.clock.Now(), map[string]any{"exp": a.tokens.clock.Now().Add(-time.Hour).Unix()}))
	for range 60 {
		_, err := a.Verify(t.Context(), []byte(expired), from)
		transportstest.WantCode(t, err, actors.Unauthorized, "expired")
	}
	if _, err := a.Verify(t.Context(), []byte(a.token), from); err != nil {
		t.Errorf("a good token from the same address: %v", err)
	}
}

// What may become a WebSocket is taken for one, however its fields are cut.
func TestDoubledUpgrade(t *testing.T) {
	a := newTestAuth(t, AuthConfig{}, transports.Limits{})
	for _, fields := range [][]string{
		{"Connection", "Upgrade", "Upgrade", "websocket"},
		{"Connection", "keep-alive", "Connection", "Upgrade", "Upgrade", "h2c", "Upgrade", "WebSocket"},
		{"Upgrade", "h2c, websocket"},
	} {
		ctx := transportstest.Request(transportstest.TCP("192.0.2.1"), "GET", "/", "Cookie", "reddot_token="+a.token, "Origin", "https://evil.example")
		for i := 0; i < len(fields); i += 2 {
			ctx.Request.Header.Add(fields[i], fields[i+1])
		}
		_, err := a.Caller(ctx)
		transportstest.WantCode(t, err, actors.Forbidden, "evil")
	}
}

func TestKeysStandInNoURL(t *testing.T) {
	a := newTestAuth(t, AuthConfig{}, transports.Limits{})
	for _, ctx := range []*fasthttp.RequestCtx{
		transportstest.Request(transportstest.TCP("192.0.2.1"), "GET", "/?token="+a.key),
		transportstest.Request(transportstest.TCP("192.0.2.1"), "GET", "/", "Cookie", "reddot_token="+a.key),
	} {
		_, err := a.Caller(ctx)
		transportstest.WantCode(t, err, actors.Unauthorized, "Authorization: Bearer")
	}
}
