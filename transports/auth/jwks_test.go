package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/transportstest"
)

// issuer is a real HTTP server that publishes a JWK Set.
type issuer struct {
	url     string
	fetches atomic.Int64
	answer  atomic.Value // func(http.ResponseWriter)
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveIssuer(t, listener)
}

func serveIssuer(t *testing.T, listener net.Listener) *issuer {
	t.Helper()
	i := &issuer{url: "http://" + listener.Addr().String() + "/keys"}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		i.answer.Load().(func(http.ResponseWriter))(w)
	})}
	i.publish(`{"keys":[]}`)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return i
}

func (i *issuer) answers(f func(http.ResponseWriter)) { i.answer.Store(f) }

func (i *issuer) publish(document string) {
	i.answers(func(w http.ResponseWriter) { _, _ = w.Write([]byte(document)) })
}

// publishKeys publishes a key per id.
func (i *issuer) publishKeys(keys map[string]crypto.PublicKey) {
	var set struct {
		Keys []jwkset.JWKMarshal `json:"keys"`
	}
	for id, key := range keys {
		set.Keys = append(set.Keys, jwkOf(id, key))
	}
	i.publish(string(transportstest.Must(json.Marshal(set))))
}

func jwkOf(id string, key any) jwkset.JWKMarshal {
	return transportstest.Must(jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: id}})).Marshal()
}

func (t testTokens) signES(key *ecdsa.PrivateKey, kid any) string {
	header := map[string]any{}
	if kid != nil {
		header["kid"] = kid
	}
	return sign(jwt.SigningMethodES256, key, header, with(t.clock.Now(), nil))
}

func newES() *ecdsa.PrivateKey {
	return transportstest.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

func TestJWKSRotation(t *testing.T) {
	i := newIssuer(t)
	one, two := newES(), newES()
	i.publishKeys(map[string]crypto.PublicKey{"one": one.Public()})
	tokens := newTestTokens(t, map[string]Verification{"default": {JWKS: i.url}})

	changes := 0
	changed := tokens.apps["default"].jwks.changed
	tokens.apps["default"].jwks.changed = func() { changes++; changed() }
	first := tokens.signES(one, "one")
	byOne := transportstest.Must(tokens.verify(first))
	unnamed := transportstest.Must(tokens.verify(tokens.signES(one, nil))) // without a key id every key is tried
	if n := i.fetches.Load(); n != 1 {
		t.Fatalf("got %d fetches, want 1", n)
	}

	// A new key is found by the first token that names it.
	i.publishKeys(map[string]crypto.PublicKey{"one": one.Public(), "two": two.Public()})
	tokens.clock.Add(10 * time.Second)
	byTwo := transportstest.Must(tokens.verify(tokens.signES(two, "two")))
	transportstest.Must(tokens.verify(first))

	// A key that is withdrawn takes the cached tokens with it.
	i.publishKeys(map[string]crypto.PublicKey{"two": two.Public()})
	if err := tokens.apps["default"].jwks.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := tokens.verify(first)
	transportstest.WantCode(t, err, actors.Unauthorized, "key id that its app's issuer does not publish")
	for p, want := range map[*transports.Principal]bool{byOne: false, unnamed: false, byTwo: true} {
		if got := tokens.stillValid(p); got != want {
			t.Errorf("a connection with %x stands: %v, want %v", p.Signer[:4], got, want)
		}
	}
	if changes != 3 {
		t.Errorf("was told of %d changes, want 3", changes)
	}
	transportstest.Must(tokens.verify(tokens.signES(two, "two")))
}

func TestJWKSAlgorithms(t *testing.T) {
	k := testKeys()
	i := newIssuer(t)
	shared := []byte(testSecret)
	oct := transportstest.Must(json.Marshal(map[string]string{"kty": "oct", "kid": "oct", "k": base64.RawURLEncoding.EncodeToString(shared)}))
	encryption := jwkOf("enc", k.ecdsa.Public())
	encryption.USE = "enc"
	documents := []string{string(oct), `{"kty":"new"}`, `7`, `{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"broken"}`,
		string(transportstest.Must(json.Marshal(encryption)))}
	for id, key := range map[string]crypto.PublicKey{"rsa": k.rsa.Public(), "weak": k.weak.Public(), "es": k.ecdsa.Public(),
		"p384": k.p384.Public(), "ed": k.ed.Public()} {
		documents = append(documents, string(transportstest.Must(json.Marshal(jwkOf(id, key)))))
	}
	i.publish(`{"keys":[` + strings.Join(documents, ",") + `]}`)
	tokens := newTestTokens(t, map[string]Verification{"default": {JWKS: i.url}})
	claims := with(tokens.clock.Now(), nil)
	kid := func(id any) map[string]any { return map[string]any{"kid": id} }
	for _, c := range []struct{ name, token, says string }{
		{"RS256", sign(jwt.SigningMethodRS256, k.rsa, kid("rsa"), claims), ""},
		{"ES256", sign(jwt.SigningMethodES256, k.ecdsa, kid("es"), claims), ""},
		{"EdDSA", sign(jwt.SigningMethodEdDSA, k.ed, kid("ed"), claims), ""},
		{"a published secret is no secret", sign(jwt.SigningMethodHS256, shared, kid("oct"), claims), `"HS256" is not allowed for its app; RS256, ES256 or EdDSA is`},
		{"weak RSA", sign(jwt.SigningMethodRS256, k.weak, kid("weak"), claims), "does not publish"},
		{"another key's id", sign(jwt.SigningMethodES256, k.ecdsa, kid("rsa"), claims), "signature does not match"},
		{"a key for encryption", sign(jwt.SigningMethodES256, k.ecdsa, kid("enc"), claims), "does not publish"},
		{"kid a number", sign(jwt.SigningMethodES256, k.ecdsa, kid(7), claims), "cannot be verified"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tokens.verify(c.token)
			if c.says == "" {
				transportstest.WantCode(t, err, "", "")
			} else {
				transportstest.WantCode(t, err, actors.Unauthorized, c.says)
			}
		})
	}
}

func TestJWKSDownAtStart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	var log syncBuffer
	c := transportstest.NewClock()
	key := newES()
	build := func() *Tokens {
		return transportstest.Must(NewTokens(TokensConfig{Now: c.Now, steady: c.Now, Apps: map[string]Verification{"default": {JWKS: "http://" + address + "/keys"}}},
			nil, slog.New(slog.NewTextHandler(&log, nil))))
	}
	tokens := testTokens{build(), c, nil}
	token := tokens.signES(key, "k")
	_, err = tokens.verify(tokens.signES(key, nil))
	transportstest.WantCode(t, err, actors.Unavailable, "could not be fetched")
	for range 2 { // this does not fetch: that was done just now
		_, err := tokens.verify(token)
		e := transportstest.WantCode(t, err, actors.Unavailable, "could not be fetched")
		if e.RetryAfter != 10*time.Second {
			t.Errorf("got retry after %s", e.RetryAfter)
		}
	}
	if n := strings.Count(log.String(), "JWKS fetch failed"); n != 1 {
		t.Errorf("got %d failures logged, want 1:\n%s", n, log.String())
	}
	until(t, "the port, if another took it meanwhile", func() bool {
		listener, err = net.Listen("tcp", address)
		return err == nil
	})
	serveIssuer(t, listener).publishKeys(map[string]crypto.PublicKey{"k": key.Public()})
	c.Add(10 * time.Second)
	transportstest.Must(tokens.verify(token))
}

// A token without a key id is enough to fetch the keys.
func TestJWKSWithoutID(t *testing.T) {
	i := newIssuer(t)
	key := newES()
	i.publishKeys(map[string]crypto.PublicKey{"": key.Public()})
	tokens := newTestTokens(t, map[string]Verification{"default": {JWKS: i.url}})
	transportstest.Must(tokens.verify(tokens.signES(key, nil)))
	_, err := tokens.verify(tokens.signES(newES(), nil))
	transportstest.WantCode(t, err, actors.Unauthorized, "signature does not match")
}

// Whoever comes while a fetch runs waits for it, and is not turned away.
func TestJWKSFetchIsShared(t *testing.T) {
	i := newIssuer(t)
	key := newES()
	i.publishKeys(map[string]crypto.PublicKey{"k": key.Public()})
	document := i.answer.Load().(func(http.ResponseWriter))
	const callers = 20
	var coming sync.WaitGroup
	coming.Add(callers)
	i.answers(func(w http.ResponseWriter) { coming.Wait(); document(w) })
	tokens := newTestTokens(t, map[string]Verification{"default": {JWKS: i.url}})
	token := tokens.signES(key, "k")
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			coming.Done()
			if _, err := tokens.verify(token); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("got %d fetches, want 1", n)
	}
}

func TestJWKSUnknownIDsAreRateLimited(t *testing.T) {
	i := newIssuer(t)
	key := newES()
	i.publishKeys(map[string]crypto.PublicKey{"k": key.Public()})
	tokens := newTestTokens(t, map[string]Verification{"default": {JWKS: i.url}})
	for n := range 50 {
		_, err := tokens.verify(tokens.signES(key, fmt.Sprint("unknown", n)))
		transportstest.WantCode(t, err, actors.Unauthorized, "does not publish")
	}
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("got %d fetches, want 1", n)
	}
	tokens.clock.Add(10 * time.Second)
	_, err := tokens.verify(tokens.signES(key, "unknown"))
	transportstest.WantCode(t, err, actors.Unauthorized, "does not publish")
	if n := i.fetches.Load(); n != 2 {
		t.Errorf("got %d fetches, want 2", n)
	}
}

// What a broken endpoint says leaves the good keys in force.
func TestJWKSBadAnswers(t *testing.T) {
	i := newIssuer(t)
	key := newES()
	i.publishKeys(map[string]crypto.PublicKey{"k": key.Public()})
	tokens := newTestTokens(t, map[string]Verification{"default": {JWKS: i.url}})
	transportstest.Must(tokens.verify(tokens.signES(key, "k")))
	many := strings.TrimSuffix(strings.Repeat(`{"kty":"EC"},`, maxJWKSKeys+1), ",")
	for name, answer := range map[string]func(http.ResponseWriter){
		"500":         func(w http.ResponseWriter) { w.WriteHeader(500) },
		"html":        func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") },
		"empty":       func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[]}`) },
		"null":        func(w http.ResponseWriter) { fmt.Fprint(w, `null`) },
		"too large":   func(w http.ResponseWriter) { _, _ = w.Write(bytes.Repeat([]byte(" "), maxJWKS+1)) },
		"too many":    func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[`+many+`]}`) },
		"to the open": func(w http.ResponseWriter) { w.Header().Set("Location", "http://issuer.example/"); w.WriteHeader(302) },
	} {
		t.Run(name, func(t *testing.T) {
			i.answers(answer)
			if err := tokens.apps["default"].jwks.refresh(t.Context()); err == nil {
				t.Error("the answer was taken")
			}
			transportstest.Must(tokens.verify(tokens.signES(key, "k")))
		})
	}
}

// A key that can be read in two ways verifies nothing; those beside it do.
func TestJWKSDoubledNames(t *testing.T) {
	i := newIssuer(t)
	good, twice := newES(), newES()
	other := string(transportstest.Must(json.Marshal(jwkOf("twice", twice.Public()))))
	i.publish(`{"keys":[` + string(transportstest.Must(json.Marshal(jwkOf("good", good.Public())))) + `,{"kid":"elsewhere",` + other[1:] + `]}`)
	tokens := newTestTokens(t, map[string]Verification{"default": {JWKS: i.url}})
	transportstest.Must(tokens.verify(tokens.signES(good, "good")))
	_, err := tokens.verify(tokens.signES(twice, "twice"))
	transportstest.WantCode(t, err, actors.Unauthorized, "key id")
}

func TestJWKSRun(t *testing.T) {
	i := newIssuer(t)
	one, two := newES(), newES()
	i.publishKeys(map[string]crypto.PublicKey{"k": one.Public()})
	tokens := transportstest.Must(NewTokens(TokensConfig{Apps: map[string]Verification{"default": {JWKS: i.url}},
		RefreshEvery: time.Millisecond, RefetchAfter: time.Millisecond}, nil, quiet))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); tokens.Run(ctx) }()
	until(t, "the first fetch", func() bool { return tokens.apps["default"].jwks.known() })
	i.answers(func(w http.ResponseWriter) { w.WriteHeader(503) })
	seen := i.fetches.Load()
	until(t, "more tries after a failure", func() bool { return i.fetches.Load() > seen+2 })
	i.publishKeys(map[string]crypto.PublicKey{"k": two.Public()})
	token := sign(jwt.SigningMethodES256, two, map[string]any{"kid": "k"}, with(time.Now(), nil))
	until(t, "the new key under the old id", func() bool { _, err := tokens.Verify(ctx, []byte(token)); return err == nil })
	cancel()
	<-done
}

func TestJWKSVerifyEndsWithItsContext(t *testing.T) {
	i := newIssuer(t)
	release := make(chan struct{})
	i.answers(func(w http.ResponseWriter) { <-release; w.WriteHeader(500) })
	tokens := newTestTokens(t, map[string]Verification{"default": {JWKS: i.url}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tokens.Verify(ctx, []byte(tokens.signES(newES(), "k")))
	transportstest.WantCode(t, err, actors.Unavailable, "could not be fetched")
	close(release)
}

func FuzzJWKS(f *testing.F) {
	j := transportstest.Must(newJWKS("https://issuer.example/keys", TokensConfig{}.withDefaults(), quiet))
	public, _, _ := ed25519.GenerateKey(rand.Reader)
	f.Add([]byte(`{"keys":[` + string(transportstest.Must(json.Marshal(jwkOf("k", public)))) + `]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := j.decode(body)
		if (len(keys) == 0) != (err != nil) {
			t.Fatalf("got %d keys, %v", len(keys), err)
		}
		for _, key := range keys {
			if _, err := algOf(key.Key()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// until waits for the condition, for at most ten seconds.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
