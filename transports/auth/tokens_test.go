package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/transportstest"
)

const testSecret = "0123456789abcdef0123456789abcdef"

var quiet = slog.New(slog.DiscardHandler)

// testKeys are one pair per algorithm, made once: RSA takes its time.
var testKeys = sync.OnceValue(func() (k struct {
	rsa   *rsa.PrivateKey
	weak  *rsa.PrivateKey
	ecdsa *ecdsa.PrivateKey
	p384  *ecdsa.PrivateKey
	ed    ed25519.PrivateKey
}) {
	k.rsa = transportstest.Must(rsa.GenerateKey(rand.Reader, 2048))
	k.weak = transportstest.Must(rsa.GenerateKey(rand.Reader, 1024))
	k.ecdsa = transportstest.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	k.p384 = transportstest.Must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, k.ed, _ = ed25519.GenerateKey(rand.Reader)
	return k
})

func publicPEM(key crypto.Signer) string {
	der := transportstest.Must(x509.MarshalPKIXPublicKey(key.Public()))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// sign makes a token; a claim of nil is left out.
func sign(method jwt.SigningMethod, key any, header, claims map[string]any) string {
	c := jwt.MapClaims{}
	for name, v := range claims {
		if v != nil {
			c[name] = v
		}
	}
	token := jwt.NewWithClaims(method, c)
	for name, v := range header {
		token.Header[name] = v
	}
	return transportstest.Must(token.SignedString(key))
}

// with returns the claims of a good token, changed.
func with(now time.Time, change map[string]any) map[string]any {
	c := map[string]any{"sub": "alice", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for name, v := range change {
		c[name] = v
	}
	return c
}

type testTokens struct {
	*Tokens
	clock       *transportstest.Clock
	revocations *Revocations
}

func newTestTokens(tb testing.TB, apps map[string]Verification) testTokens {
	tb.Helper()
	c := transportstest.NewClock()
	revocations, err := LoadRevocations(context.Background(), transportstest.NewRecords())
	if err != nil {
		tb.Fatal(err)
	}
	tokens, err := NewTokens(TokensConfig{Apps: apps, Now: c.Now, steady: c.Now}, revocations, quiet)
	if err != nil {
		tb.Fatal(err)
	}
	return testTokens{tokens, c, revocations}
}

func (t testTokens) verify(token string) (*transports.Principal, error) {
	return t.Verify(context.Background(), []byte(token))
}

func TestTokenVerify(t *testing.T) {
	k := testKeys()
	tokens := newTestTokens(t, map[string]Verification{
		"default": {Secret: transports.NewSecret(testSecret)},
		"rsa":     {PublicKey: publicPEM(k.rsa)},
		"es":      {PublicKey: publicPEM(k.ecdsa)},
		"ed":      {PublicKey: publicPEM(k.ed)},
		"both":    {PublicKey: publicPEM(k.ed), Secret: transports.NewSecret(testSecret + "both")},
		"strict":  {Secret: transports.NewSecret(testSecret), Issuer: "https://issuer", Audience: "reddot"},
	})
	now := tokens.clock.Now()
	hs := func(change map[string]any) string {
		return sign(jwt.SigningMethodHS256, []byte(testSecret), nil, with(now, change))
	}
	app := func(name string) map[string]any { return with(now, map[string]any{"app": name}) }
	unsigned := sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, with(now, nil))
	good := hs(nil)
	dot := strings.LastIndexByte(good, '.')
	raw := func(header, payload string) string {
		signing := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		return signing + "." + base64.RawURLEncoding.EncodeToString(transportstest.Must(jwt.SigningMethodHS256.Sign(signing, []byte(testSecret))))
	}
	patterns := make([]string, transports.MaxTopics+1)
	for i := range patterns {
		patterns[i] = "a"
	}

	for _, c := range []struct {
		name, token string
		says        string // "" if it is good
	}{
		{"HS256", good, ""},
		{"RS256", sign(jwt.SigningMethodRS256, k.rsa, nil, app("rsa")), ""},
		{"ES256", sign(jwt.SigningMethodES256, k.ecdsa, nil, app("es")), ""},
		{"EdDSA", sign(jwt.SigningMethodEdDSA, k.ed, nil, app("ed")), ""},
		{"either of two, HS256", sign(jwt.SigningMethodHS256, []byte(testSecret+"both"), nil, app("both")), ""},
		{"either of two, EdDSA", sign(jwt.SigningMethodEdDSA, k.ed, nil, app("both")), ""},
		{"just expired, within the leeway", hs(map[string]any{"exp": now.Add(-29 * time.Second).Unix()}), ""},
		{"clock ahead, within the leeway", hs(map[string]any{"nbf": now.Add(29 * time.Second).Unix(), "iat": now.Add(29 * time.Second).Unix()}), ""},
		{"no iat", hs(map[string]any{"iat": nil}), ""},
		{"unknown claims", hs(map[string]any{"foo": map[string]any{"a": 1}}), ""},
		{"issuer and audience", hs(map[string]any{"app": "strict", "iss": "https://issuer", "aud": []string{"x", "reddot"}}), ""},
		{"topics", hs(map[string]any{"topics": map[string]any{"read": []string{"a/#"}}}), ""},

		{"expired", hs(map[string]any{"exp": now.Add(-31 * time.Second).Unix()}), "expired at 2026-03-01T11:59:29Z"},
		{"exp beyond all numbers", hs(map[string]any{"exp": 1e300}), "expired"},
		{"no exp", hs(map[string]any{"exp": nil}), "lacks a claim: exp"},
		{"exp a string", hs(map[string]any{"exp": "tomorrow"}), "no well-formed JWT"},
		{"not yet", hs(map[string]any{"nbf": now.Add(time.Minute).Unix()}), "not valid before 2026-03-01T12:01:00Z"},
		{"issued in the future", hs(map[string]any{"iat": now.Add(time.Minute).Unix()}), "in the future"},
		{"no sub", hs(map[string]any{"sub": nil}), "sub is no user name"},
		{"sub me", hs(map[string]any{"sub": "me"}), "sub is no user name"},
		{"sub with a slash", hs(map[string]any{"sub": "a/b"}), "sub is no user name"},
		{"a name of those without a credential", hs(map[string]any{"sub": "anonymous:alice"}), "begins with anonymous:"},
		{"sub in capitals is no sub", hs(map[string]any{"sub": nil, "SUB": "root"}), "sub is no user name"},
		{"too many topics", hs(map[string]any{"topics": map[string]any{"read": patterns}}), "64 patterns"},
		{"long topic", hs(map[string]any{"topics": map[string]any{"write": []string{strings.Repeat("a", 513)}}}), "512 bytes"},
		{"wrong issuer", hs(map[string]any{"app": "strict", "iss": "https://other", "aud": "reddot"}), "iss is not"},
		{"wrong audience", hs(map[string]any{"app": "strict", "iss": "https://issuer", "aud": "other"}), "aud does not name"},
		{"no issuer", hs(map[string]any{"app": "strict", "aud": "reddot"}), "lacks a claim: iss"},

		{"alg none", unsigned, `"none" is not allowed`},
		{"alg None in other letters", raw(`{"alg":"nOnE"}`, `{"sub":"alice","exp":9999999999}`), `"nOnE" is not allowed`},
		{"alg none, signature kept", strings.Replace(unsigned, ".", ".", 1) + good[dot+1:], "not allowed"},
		{"no alg", raw(`{"typ":"JWT"}`, `{"sub":"alice","exp":9999999999}`), `"" is not allowed`},
		{"HS384", sign(jwt.SigningMethodHS384, []byte(testSecret), nil, with(now, nil)), `"HS384" is not allowed for its app; HS256 is`},
		{"RS512", sign(jwt.SigningMethodRS512, k.rsa, nil, app("rsa")), "not allowed"},
		{"PS256", sign(jwt.SigningMethodPS256, k.rsa, nil, app("rsa")), "not allowed"},
		{"public RSA key as HMAC secret", sign(jwt.SigningMethodHS256, []byte(publicPEM(k.rsa)), nil, app("rsa")), `"HS256" is not allowed for its app; RS256 is`},
		{"public EdDSA key as HMAC secret, where both are allowed", sign(jwt.SigningMethodHS256, []byte(publicPEM(k.ed)), nil, app("both")), "signature does not match"},
		{"raw public EdDSA key as HMAC secret", sign(jwt.SigningMethodHS256, []byte(k.ed.Public().(ed25519.PublicKey)), nil, app("both")), "signature does not match"},
		{"another app's verifier", hs(map[string]any{"app": "both"}), "signature does not match"},
		{"another app's algorithm", hs(map[string]any{"app": "rsa"}), "not allowed"},
		{"an app that is not here", hs(map[string]any{"app": "nope"}), "takes no user tokens"},
		{"crit", sign(jwt.SigningMethodHS256, []byte(testSecret), map[string]any{"crit": []string{"b64"}, "b64": false}, with(now, nil)), "crit"},
		{"other secret", sign(jwt.SigningMethodHS256, []byte(testSecret+"x"), nil, with(now, nil)), "signature does not match"},
		{"another's payload", hs(map[string]any{"sub": "bob"})[:strings.LastIndexByte(hs(map[string]any{"sub": "bob"}), '.')] + good[dot:], "signature does not match"},
		{"no signature", good[:dot+1], "signature does not match"},
		{"expired and forged says only forged", sign(jwt.SigningMethodHS256, []byte(testSecret+"x"), nil, with(now, map[string]any{"exp": 1})), "signature does not match"},
		{"two parts", good[:dot], "no well-formed"},
		{"four parts", good + ".a", "no well-formed"},
		{"empty", "", "no well-formed"},
		{"line break", good[:dot] + "\n" + good[dot:], "no well-formed"},
		{"padding", good + "=", "no well-formed"},
		{"payload null", raw(`{"alg":"HS256"}`, `null`), "sub is no user name"},
		{"two apps", raw(`{"alg":"HS256"}`, `{"app":"default","app":"both","sub":"alice","exp":9999999999}`), "read in two ways"},
		{"two algorithms", raw(`{"alg":"HS256","alg":"none"}`, `{"sub":"alice","exp":9999999999}`), "read in two ways"},
		{"two subs", raw(`{"alg":"HS256"}`, `{"sub":"alice","exp":9999999999,"s\u0075b":"bob"}`), "read in two ways"},
		{"two lists", raw(`{"alg":"HS256"}`, `{"sub":"alice","exp":9999999999,"topics":{"read":["a"],"read":["#"]}}`), "read in two ways"},
		{"app a number", raw(`{"alg":"HS256"}`, `{"app":7,"sub":"alice","exp":9999999999}`), "no well-formed"},
		{"payload array", raw(`{"alg":"HS256"}`, `[1]`), "no well-formed"},
		{"header null", raw(`null`, `{"sub":"alice","exp":9999999999}`), "not allowed"},
		{"alg a number", raw(`{"alg":1}`, `{"sub":"alice","exp":9999999999}`), "not allowed"},
		{"oversized", hs(map[string]any{"foo": strings.Repeat("a", 8<<10)}), "at most 8192 are taken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second time a good one comes from the cache
				p, err := tokens.verify(c.token)
				if c.says == "" {
					transportstest.WantCode(t, err, "", "")
					if p.User != "alice" || p.ID != "user:alice" || p.Kind != transports.UserToken || p.Scopes != transports.ScopeRead {
						t.Errorf("got %+v", p)
					}
					continue
				}
				e := transportstest.WantCode(t, err, actors.Unauthorized, c.says)
				if p != nil {
					t.Errorf("got %+v beside the error", p)
				}
				if strings.Contains(err.Error(), testSecret) || c.token != "" && strings.Contains(e.Detail, c.token) {
					t.Errorf("a secret shows in %v", err)
				}
			}
		})
	}
}

func TestTokenPrincipal(t *testing.T) {
	tokens := newTestTokens(t, map[string]Verification{"shop": {Secret: transports.NewSecret(testSecret), Issuer: "i", Audience: "a"}})
	topics := transports.Topics{Read: []string{"rooms/+/chat"}, Write: []string{"rooms/1/#"}}
	token, err := tokens.Issue("shop", "alice", time.Hour, topics)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tokens.verify(token)
	if err != nil {
		t.Fatal(err)
	}
	now := tokens.clock.Now()
	want := &transports.Principal{ID: "user:alice", App: "shop", Kind: transports.UserToken, Scopes: transports.ScopeRead, User: "alice",
		Topics: topics, Issued: now, Expires: now.Add(time.Hour + 30*time.Second)}
	if got, want := fmt.Sprintf("%+v", utc(*p)), fmt.Sprintf("%+v", utc(*want)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The lists of the claim topics are taken by their exact names: an issuer may let
// its users choose others.
func TestTokenTopicsByExactNames(t *testing.T) {
	tokens := newTestTokens(t, map[string]Verification{"default": {Secret: transports.NewSecret(testSecret)}})
	p := transportstest.Must(tokens.verify(sign(jwt.SigningMethodHS256, []byte(testSecret), nil, with(tokens.clock.Now(), map[string]any{
		"topics": map[string]any{"read": []string{"a"}, "Read": []string{"#"}, "WRITE": []string{"#"}}}))))
	if got := fmt.Sprint(p.Topics); got != "{[a] []}" {
		t.Errorf("got %s", got)
	}
}

func utc(p transports.Principal) transports.Principal {
	p.Issued, p.Expires = p.Issued.UTC(), p.Expires.UTC()
	p.Signer = transports.Signer{}
	return p
}

func TestTokenIssueRefuses(t *testing.T) {
	tokens := newTestTokens(t, map[string]Verification{
		"default": {Secret: transports.NewSecret(testSecret)},
		"ed":      {PublicKey: publicPEM(testKeys().ed)},
	})
	many := transports.Topics{Read: make([]string, transports.MaxTopics)}
	for i := range many.Read {
		many.Read[i] = strings.Repeat("a", transports.MaxPattern)
	}
	for _, c := range []struct {
		app, user string
		ttl       time.Duration
		topics    transports.Topics
		code      actors.Code
	}{
		{"default", "me", time.Hour, transports.Topics{}, actors.Invalid},
		{"nope", "alice", time.Hour, transports.Topics{}, actors.NotFound},
		{"ed", "alice", time.Hour, transports.Topics{}, actors.Conflict},
		{"default", "alice", 0, transports.Topics{}, actors.Invalid},
		{"default", "alice", time.Hour, transports.Topics{Read: []string{""}}, actors.Invalid},
		{"default", "alice", time.Hour, many, actors.TooLarge},
	} {
		_, err := tokens.Issue(c.app, c.user, c.ttl, c.topics)
		transportstest.WantCode(t, err, c.code, "")
	}
}

func TestTokenCache(t *testing.T) {
	tokens := newTestTokens(t, map[string]Verification{"default": {Secret: transports.NewSecret(testSecret)}})
	token := transportstest.Must(tokens.Issue("default", "alice", time.Minute, transports.Topics{}))
	if _, ok := tokens.Remembers([]byte(token)); ok {
		t.Error("remembers a token that was never verified")
	}
	first := transportstest.Must(tokens.verify(token))
	if again := transportstest.Must(tokens.verify(token)); again != first {
		t.Error("a hot token was verified twice")
	}
	if p, ok := tokens.Remembers([]byte(token)); !ok || p != first {
		t.Error("the token is not remembered")
	}
	tokens.clock.Add(time.Minute)
	if _, ok := tokens.Remembers([]byte(token)); ok {
		t.Error("remembers a token at its exp")
	}
	if _, err := tokens.verify(token); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	tokens.clock.Add(30 * time.Second)
	_, err := tokens.verify(token)
	transportstest.WantCode(t, err, actors.Unauthorized, "expired at 2026-03-01T12:01:00Z")
}

func TestTokenCacheIsBounded(t *testing.T) {
	c := transportstest.NewClock()
	tokens, err := NewTokens(TokensConfig{Apps: map[string]Verification{"default": {Secret: transports.NewSecret(testSecret)}},
		CacheSize: 64, Now: c.Now, steady: c.Now}, nil, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		token := transportstest.Must(tokens.Issue("default", fmt.Sprint("u", i), time.Hour, transports.Topics{}))
		if _, err := tokens.Verify(t.Context(), []byte(token)); err != nil {
			t.Fatal(err)
		}
	}
	if n := tokens.cache.Len(); n > 64 {
		t.Errorf("the cache has %d entries, want at most 64", n)
	}
	_, err = tokens.Verify(t.Context(), []byte("bad"))
	transportstest.WantCode(t, err, actors.Unauthorized, "")
}

func TestTokenRevoked(t *testing.T) {
	ctx := context.Background()
	tokens := newTestTokens(t, map[string]Verification{"default": {Secret: transports.NewSecret(testSecret)}})
	cached := transportstest.Must(tokens.Issue("default", "alice", time.Hour, transports.Topics{}))
	other := transportstest.Must(tokens.Issue("default", "bob", time.Hour, transports.Topics{}))
	dateless := sign(jwt.SigningMethodHS256, []byte(testSecret), nil, with(tokens.clock.Now(), map[string]any{"iat": nil}))
	for _, token := range []string{cached, other, dateless} {
		transportstest.Must(tokens.verify(token))
	}
	tokens.clock.Add(10 * time.Second)
	if err := tokens.revocations.Revoke(ctx, "default", "alice", tokens.clock.Now()); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{cached, dateless} {
		_, err := tokens.verify(token)
		transportstest.WantCode(t, err, actors.Unauthorized, "disconnected")
		if _, ok := tokens.Remembers([]byte(token)); ok {
			t.Error("remembers a revoked token")
		}
	}
	transportstest.Must(tokens.verify(other))
	// An issuer whose clock goes ahead may have made it before.
	ahead := sign(jwt.SigningMethodHS256, []byte(testSecret), nil, with(tokens.clock.Now(), map[string]any{"iat": tokens.clock.Now().Add(20 * time.Second).Unix()}))
	_, err := tokens.verify(ahead)
	e := transportstest.WantCode(t, err, actors.Unauthorized, "issued (iat) after 2026-03-01T12:00:40Z")
	if e.RetryAfter != 30*time.Second {
		t.Errorf("come back in %v, want 30s", e.RetryAfter)
	}
	tokens.clock.Add(31 * time.Second)
	fresh := transportstest.Must(tokens.verify(transportstest.Must(tokens.Issue("default", "alice", time.Hour, transports.Topics{}))))
	if !tokens.stillValid(fresh) {
		t.Error("a fresh token does not stand")
	}
	tokens.clock.Add(721 * time.Hour)
	transportstest.Must(tokens.verify(sign(jwt.SigningMethodHS256, []byte(testSecret), nil, with(tokens.clock.Now(), map[string]any{"iat": nil}))))
}

func TestTokenLifetime(t *testing.T) {
	tokens := newTestTokens(t, map[string]Verification{"default": {Secret: transports.NewSecret(testSecret)}})
	now := tokens.clock.Now()
	for name, c := range map[string]struct {
		claims map[string]any
		good   bool
	}{
		"a month":            {map[string]any{"iat": now.Unix(), "exp": now.Add(720 * time.Hour).Unix()}, true},
		"longer":             {map[string]any{"iat": now.Unix(), "exp": now.Add(721 * time.Hour).Unix()}, false},
		"longer, soon over":  {map[string]any{"iat": now.Add(-9000 * time.Hour).Unix(), "exp": now.Add(time.Hour).Unix()}, false},
		"longer without iat": {map[string]any{"iat": nil, "exp": now.Add(721 * time.Hour).Unix()}, false},
	} {
		_, err := tokens.verify(sign(jwt.SigningMethodHS256, []byte(testSecret), nil, with(now, c.claims)))
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewTokensRefuses(t *testing.T) {
	k := testKeys()
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: transportstest.Must(x509.MarshalPKCS8PrivateKey(k.ed))}))
	for name, c := range map[string]struct {
		v    Verification
		says string
	}{
		"nothing":       {Verification{}, "give a secret"},
		"short secret":  {Verification{Secret: transports.NewSecret("short-secret")}, "has 12 bytes"},
		"two sources":   {Verification{PublicKey: publicPEM(k.ed), JWKS: "https://a/b"}, "give one of"},
		"weak RSA":      {Verification{PublicKey: publicPEM(k.weak)}, "1024 bits"},
		"P-384":         {Verification{PublicKey: publicPEM(k.p384)}, "P-256"},
		"private key":   {Verification{PublicKey: private}, "private key"},
		"no PEM":        {Verification{PublicKey: "hello"}, "no PEM block"},
		"odd PEM":       {Verification{PublicKey: "-----BEGIN X-----\n-----END X-----\n"}, "no public key"},
		"no file":       {Verification{PublicKeyFile: filepath.Join(t.TempDir(), "none")}, "no such file"},
		"http JWKS":     {Verification{JWKS: "http://issuer.example/keys"}, "https://"},
		"file JWKS":     {Verification{JWKS: "file:///etc/passwd"}, "https://"},
		"JWKS nonsense": {Verification{JWKS: "://"}, "JWKS URL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewTokens(TokensConfig{Apps: map[string]Verification{"shop": c.v}}, nil, quiet)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "app shop") {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "short-secret") {
				t.Errorf("the secret shows in %v", err)
			}
		})
	}
	if _, err := NewTokens(TokensConfig{MaxSize: -1}, nil, quiet); err == nil {
		t.Error("a negative size is taken")
	}
}

func TestPublicKeyForms(t *testing.T) {
	k := testKeys()
	template := &x509.Certificate{SerialNumber: transportstest.Must(rand.Int(rand.Reader, k.rsa.N))}
	forms := map[string]*pem.Block{
		"PKCS1":       {Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey)},
		"certificate": {Type: "CERTIFICATE", Bytes: transportstest.Must(x509.CreateCertificate(rand.Reader, template, template, k.rsa.Public(), k.rsa))},
		"PKIX":        {Type: "PUBLIC KEY", Bytes: transportstest.Must(x509.MarshalPKIXPublicKey(k.rsa.Public()))},
	}
	for name, block := range forms {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "key.pem")
			if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
			tokens := newTestTokens(t, map[string]Verification{"default": {PublicKeyFile: file}})
			transportstest.Must(tokens.verify(sign(jwt.SigningMethodRS256, k.rsa, nil, with(tokens.clock.Now(), nil))))
		})
	}
}

func TestConfigHidesSecrets(t *testing.T) {
	cfg := TokensConfig{Apps: map[string]Verification{"default": {Secret: transports.NewSecret(testSecret)}}}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s", cfg, cfg, cfg.Apps, cfg.Apps)
	out.Write(transportstest.Must(json.Marshal(cfg.Apps)))
	if strings.Contains(out.String(), testSecret) {
		t.Error(out.String())
	}
}

func FuzzToken(f *testing.F) {
	tokens := newTestTokens(f, map[string]Verification{"default": {Secret: transports.NewSecret(testSecret)},
		"ed": {PublicKey: publicPEM(testKeys().ed)}})
	good := transportstest.Must(tokens.Issue("default", "alice", time.Hour, transports.Topics{Read: []string{"a"}}))
	now := tokens.clock.Now()
	f.Add(good)
	f.Add(sign(jwt.SigningMethodEdDSA, testKeys().ed, nil, with(now, map[string]any{"app": "ed"})))
	f.Add(sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, with(now, nil)))
	f.Add("..")
	f.Add("e30.e30.")
	f.Add("bnVsbA.bnVsbA.AA")
	f.Fuzz(func(t *testing.T, token string) {
		p, err := tokens.verify(token)
		if (p == nil) != (err != nil) {
			t.Fatalf("got %v, %v", p, err)
		}
		if err != nil {
			if e := actors.AsError(err); e.Code != actors.Unauthorized {
				t.Fatalf("got %v", err)
			}
			return
		}
		if p.User != "alice" || p.Expires.IsZero() {
			t.Fatalf("%q makes %+v", token, p)
		}
	})
}

// FuzzClaims signs whatever claims, so that the fuzzer gets past the signature.
func FuzzClaims(f *testing.F) {
	tokens := newTestTokens(f, map[string]Verification{"default": {Secret: transports.NewSecret(testSecret)}})
	f.Add(`{"sub":"alice","exp":1900000000}`)
	f.Add(`{"sub":"alice","exp":1e400,"iat":-1,"nbf":0.5,"topics":{"read":["a"]}}`)
	f.Add(`{"sub":"alice","exp":9223372036854775807,"aud":[]}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, payload string) {
		encode := base64.RawURLEncoding.EncodeToString
		signing := encode([]byte(`{"alg":"HS256"}`)) + "." + encode([]byte(payload))
		token := signing + "." + encode(transportstest.Must(jwt.SigningMethodHS256.Sign(signing, []byte(testSecret))))
		p, err := tokens.verify(token)
		if err != nil {
			return
		}
		if _, err := transports.ParseUser(p.User); err != nil || p.App != transports.DefaultApp || !p.Expires.After(tokens.clock.Now()) {
			t.Fatalf("%s makes %+v", payload, p)
		}
	})
}

func BenchmarkTokenVerify(b *testing.B) {
	k := testKeys()
	apps := map[string]Verification{"default": {Secret: transports.NewSecret(testSecret)}, "rsa": {PublicKey: publicPEM(k.rsa)}}
	tokens := newTestTokens(b, apps)
	cold := newTestTokens(b, apps)
	cold.cache = nil
	for _, c := range []struct {
		name   string
		tokens testTokens
		token  string
	}{
		{"hot", tokens, transportstest.Must(tokens.Issue("default", "alice", time.Hour, transports.Topics{}))},
		{"cold/HS256", cold, transportstest.Must(tokens.Issue("default", "alice", time.Hour, transports.Topics{}))},
		{"cold/RS256", cold, sign(jwt.SigningMethodRS256, k.rsa, nil, with(tokens.clock.Now(), map[string]any{"app": "rsa"}))},
	} {
		b.Run(c.name, func(b *testing.B) {
			ctx, token := context.Background(), []byte(c.token)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.tokens.Verify(ctx, token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
