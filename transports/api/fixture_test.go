package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/catalog"
	"reddot/actors/index"
	"reddot/actors/quota"
	"reddot/actors/reviewed"
	"reddot/actors/screening"
	"reddot/actors/store/memory"
	"reddot/actors/templates"
	"reddot/actors/trace"
	"reddot/transports"
	"reddot/transports/api/bulk"
	"reddot/transports/api/campaigns"
	"reddot/transports/api/content"
	"reddot/transports/api/policies"
	"reddot/transports/api/presences"
	"reddot/transports/api/quotas"
	"reddot/transports/api/standings"
	"reddot/transports/api/why"
	"reddot/transports/api/words"
	"reddot/transports/auth"
)

const testSecret = "0123456789abcdef0123456789abcdef"

// fakeTopics has one subscriber, who takes what is not too large.
type fakeTopics struct{}

func (fakeTopics) Publish(m *actors.TopicMessage, done func(int, *actors.Error)) {
	if m.Retain && len(m.Payload) > 100 {
		done(0, actors.Errorf(actors.TooLarge, "too large"))
		return
	}
	done(1, nil)
}

// A server is the API on a real socket, over a fakeRouter.
type server struct {
	rows      *memory.State // of the index
	records   *memoryRecords
	t         testing.TB
	api       *API
	router    *fakeRouter
	url       string
	addr      string
	publisher string // a server key with the scope publish
	operator  string // one of an operator
	reader    string // with the scope read
	admin     string // with all
	alice     string // a user token
}

// serve starts a server; edit may change what it is made of.
func serve(t testing.TB, edit func(*Config, *Deps, *transports.Limits)) *server {
	t.Helper()
	ctx := context.Background()
	origins, err := transports.ParseOrigins([]string{"https://shop.example"})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, router: newFakeRouter(), rows: memory.NewState()}
	records := &memoryRecords{all: map[string]map[string][]byte{}}
	s.records = records
	keys, err := auth.LoadKeys(ctx, records, nil)
	if err != nil {
		t.Fatal(err)
	}
	for scopes, text := range map[transports.Scopes]*string{transports.ScopePublish: &s.publisher, transports.ScopeRead: &s.reader, transports.ScopeApp: &s.admin, transports.ScopeOperator: &s.operator} {
		o := auth.KeyOrder{App: "default", Name: "test", Scopes: scopes}
		if scopes == transports.ScopeOperator {
			o.App = ""
		}
		_, secret, err := keys.Create(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		*text = secret.Reveal()
	}
	revocations, err := auth.LoadRevocations(ctx, records)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := auth.NewTokens(auth.TokensConfig{Apps: map[string]auth.Verification{
		"default": {Secret: transports.NewSecret(testSecret)}}}, revocations, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.alice, err = jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix(),
		"iat": time.Now().Add(-time.Minute).Unix()}).SignedString([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	answer := func(ctx *fasthttp.RequestCtx, _ *transports.Principal, user actors.Key) {
		if string(ctx.QueryArgs().Peek("after")) == "bad" {
			transports.WriteProblem(ctx, actors.Errorf(actors.Invalid, "bad cursor"))
			return
		}
		ctx.SetContentType("text/plain")
		ctx.SetBodyString(string(user))
	}
	registry := prometheus.NewRegistry()
	lists := screening.New(screening.Config{Now: time.Now}, records)
	cfg := Config{Origins: origins, LegacyURLs: true, Deadline: time.Second, BatchIdle: 5 * time.Second}
	limits := transports.Limits{}
	deps := Deps{Router: s.router, Lookup: s.router, Keys: keys, Revoker: revocations, Segments: catalog.New(catalog.Config{Kind: "segment", Names: 4, Now: time.Now}, records),
		Index: index.New(s.rows), LogHead: func(context.Context, string) (uint64, error) { return 7, nil },
		Keywords: lists,
		Jobs:     bulk.NewJobs(records, time.Now),
		Audit:    transports.NewAudit(transports.AuditConfig{}, records, slog.New(slog.DiscardHandler)),
		Cluster: func(context.Context) any {
			return map[string]any{"cluster": "c", "node": "a", "members": []any{map[string]any{
				"node": "a", "state": "ready", "shards": 1, "owned": []any{map[string]any{"epoch": 2, "shards": "1"}}, "actors": 0, "connections": 0, "held": 0, "links": []any{},
			}}}
		},
		Drain:     func() {},
		Connected: func(string) []string { return []string{"alice", "bob"} },
		Views: Views{Counts: answer, Wait: answer, Stream: answer, Iframe: answer, WebSocket: answer, LegacyCount: answer, LegacyWatch: answer, LegacyIframe: answer, LegacyStream: answer, LegacyWebSocket: answer,
			MQTT: func(ctx *fasthttp.RequestCtx) { answer(ctx, nil, "mqtt") }},
		Topics:     fakeTopics{},
		Pages:      Pages{"/": page, "/console": page, "/console/*": page, "/reddot.js": page},
		Registerer: registry, Gatherer: registry}
	if edit != nil {
		edit(&cfg, &deps, &limits)
	}
	if deps.Gate, err = transports.NewGate(limits, nil); err != nil {
		t.Fatal(err)
	}
	deps.Templates = templates.New(reviewed.Config{Names: 4, Now: time.Now}, records)
	resources, err := content.NewTemplates(content.Deps{Store: deps.Templates, Router: s.router, Gate: deps.Gate, Now: time.Now, Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	sent, err := campaigns.New(campaigns.Deps{Router: s.router, Records: records, Now: time.Now, Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	traces := trace.New(trace.Config{Name: "here", Bus: deafBus{}, Traces: &actors.Traces{}})
	t.Cleanup(traces.Close)
	deps.Resources = slices.Concat(sent.Routes(),
		content.Categories(catalog.New(catalog.Config{Kind: "category", Names: 4, Now: time.Now}, records)),
		policies.Routes(catalog.New(catalog.Config{Kind: "policy", Names: 4, Now: time.Now}, records), time.Now),
		resources.Routes(), standings.Routes(), presences.Routes(), why.Routes(why.Deps{Router: s.router, Lookup: s.router, Traces: traces, StillValid: func(*transports.Principal) bool { return true }}), quotas.Routes(quota.New(records, func() int64 { return time.Now().UnixMilli() })),
		(&words.Lists{Lists: lists}).Routes(),
	)
	if deps.Auth == nil {
		deps.Auth = auth.NewAuth(auth.AuthConfig{Origins: origins}, keys, tokens, deps.Gate)
	}
	if s.api, err = New(cfg, deps); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	s.url = "http://" + s.addr
	srv := &fasthttp.Server{Handler: s.api.Handler, StreamRequestBody: true, DisablePreParseMultipartForm: true, NoDefaultServerHeader: true,
		ReadTimeout: 5 * time.Second, CloseOnShutdown: true}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() {
		if err := srv.Shutdown(); err != nil {
			t.Error(err)
		}
		_ = ln.Close() // a Shutdown that comes before Serve does nothing
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func page(ctx *fasthttp.RequestCtx) {
	ctx.SetContentType("text/html; charset=utf-8")
	if strings.HasSuffix(string(ctx.Path()), ".js") {
		ctx.SetContentType("text/javascript; charset=utf-8")
	}
	ctx.SetBodyString("page")
}

// An answer is a response, read.
type answer struct {
	*http.Response
	body []byte
}

// json decodes the body.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return v
}

// do sends a request. headers are names, each followed by its value.
func (s *server) do(method, path, token, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return s.send(r)
}

func (s *server) send(r *http.Request) answer {
	s.t.Helper()
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return answer{resp, b}
}

// wantProblem checks an error's status, code and field.
func wantProblem(t *testing.T, a answer, status int, code actors.Code, field string) {
	t.Helper()
	if a.StatusCode != status || a.Header.Get("Content-Type") != transports.ProblemType {
		t.Fatalf("got %d %s %s, want %d", a.StatusCode, a.Header.Get("Content-Type"), a.body, status)
	}
	p := a.json(t)
	got, _ := p["field"].(string)
	if p["code"] != string(code) || got != field || p["status"] != float64(status) {
		t.Errorf("got %s, want code %s, field %q", a.body, code, field)
	}
}

// memoryRecords are Records in memory.
type memoryRecords struct {
	mu  sync.Mutex
	all map[string]map[string][]byte
}

func (m *memoryRecords) PutRecord(_ context.Context, kind, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all[kind] == nil {
		m.all[kind] = map[string][]byte{}
	}
	m.all[kind][key] = slices.Clone(value)
	return nil
}

func (m *memoryRecords) SwapRecord(_ context.Context, kind, key string, old, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now, ok := m.all[kind][key]; ok != (old != nil) || !bytes.Equal(now, old) {
		return actors.Errorf(actors.Conflict, "another one")
	}
	if value == nil {
		delete(m.all[kind], key)
		return nil
	}
	if m.all[kind] == nil {
		m.all[kind] = map[string][]byte{}
	}
	m.all[kind][key] = slices.Clone(value)
	return nil
}

func (m *memoryRecords) DeleteRecord(_ context.Context, kind, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all[kind], key)
	return nil
}

func (m *memoryRecords) ReadRecord(_ context.Context, kind, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.all[kind][key]; ok {
		return slices.Clone(v), nil
	}
	return nil, actors.Errorf(actors.NotFound, "no such record")
}

func (m *memoryRecords) ListRecords(_ context.Context, kind, after string, limit int) ([]actors.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []actors.Record
	for k, v := range m.all[kind] {
		if k > after {
			list = append(list, actors.Record{Key: k, Value: slices.Clone(v)})
		}
	}
	slices.SortFunc(list, func(a, b actors.Record) int { return strings.Compare(a.Key, b.Key) })
	return list[:min(limit, len(list))], nil
}
