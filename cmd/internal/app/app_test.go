package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/cmd/internal/config"
	"reddot/transports"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// A logbook is a log that a test can read while it is written.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const secret = "0123456789abcdef0123456789abcdef"

// testConfig returns the defaults on a free port with data of its own.
func testConfig(t *testing.T) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.HTTP, cfg.Data, cfg.Dev = "127.0.0.1:0", t.TempDir(), true
	cfg.Stop.Drain = 0
	return cfg
}

// start starts a server that is stopped at the test's end at the latest.
func start(t *testing.T, cfg config.Config) (*App, *logbook) {
	t.Helper()
	return startWith(t, cfg, forTests{})
}

func startWith(t *testing.T, cfg config.Config, f forTests) (*App, *logbook) {
	t.Helper()
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	book := &logbook{}
	log, level := NewLog(cfg.Log, book)
	a := New(cfg, log, level)
	a.forTests = f
	if err := a.Start(t.Context()); err != nil {
		t.Fatalf("start: %v\n%s", err, book)
	}
	t.Cleanup(func() { stop(t, a) })
	return a, book
}

// stop stops the server; a second time it does nothing.
func stop(t *testing.T, a *App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// call makes a request and returns its status and body.
func call(t *testing.T, method, url, credential, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	res, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// asking returns what asks the server at a URL, wants a status, and returns the answer's object.
func asking(t *testing.T, url func() string) func(method, path, body string, status int) map[string]any {
	return func(method, path, body string, status int) map[string]any {
		t.Helper()
		got, text := call(t, method, url()+path, "", body)
		if got != status {
			t.Fatalf("%s %s: got %d %s", method, path, got, text)
		}
		var out map[string]any
		_ = json.Unmarshal([]byte(text), &out)
		return out
	}
}

// unread returns the user's unread count.
func unread(t *testing.T, a *App, user string) int {
	t.Helper()
	status, body := call(t, "GET", a.URL()+"/v1/users/"+user+"/counts", "", "")
	var counts struct {
		Unread int `json:"unread"`
	}
	if err := json.Unmarshal([]byte(body), &counts); err != nil || status != http.StatusOK {
		t.Fatalf("counts: %d %s", status, body)
	}
	return counts.Unread
}

func publish(t *testing.T, a *App, user, credential string) {
	t.Helper()
	if status, body := call(t, "POST", a.URL()+"/v1/users/"+user+"/messages", credential, `{"title":"Hello"}`); status != http.StatusCreated {
		t.Fatalf("publish: %d %s", status, body)
	}
}

// stream follows the user's events by SSE. The channel has the data lines, and
// is closed at the stream's end.
func stream(t *testing.T, a *App, user, credential string) <-chan string {
	t.Helper()
	return streamOf(t, a.URL()+"/v1/users/"+user+"/stream", credential)
}

func streamOf(t *testing.T, url, credential string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("stream: %s", res.Status)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		defer res.Body.Close()
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			if data, ok := strings.CutPrefix(s.Text(), "data:"); ok {
				lines <- strings.TrimSpace(data)
			}
		}
	}()
	return lines
}

// next waits for an event of the type; an empty type is the stream's end.
func next(t *testing.T, events <-chan string, kind string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e, ok := <-events:
			switch {
			case !ok && kind == "":
				return
			case !ok:
				t.Fatalf("the stream ended before %q", kind)
			case kind != "" && strings.Contains(e, fmt.Sprintf(`"type":%q`, kind)):
				return
			}
		case <-timeout:
			t.Fatalf("no %q in %v", kind, patience)
		}
	}
}

func TestCountsSurviveARestart(t *testing.T) { plainAndTLS(t, countsSurviveARestart) }

func countsSurviveARestart(t *testing.T, cfg config.Config) {
	a, _ := start(t, cfg)
	for range 3 {
		publish(t, a, "alice", "")
	}
	if n := unread(t, a, "alice"); n != 3 {
		t.Errorf("got %d unread, want 3", n)
	}
	stop(t, a)

	a, _ = start(t, cfg)
	if n := unread(t, a, "alice"); n != 3 {
		t.Errorf("after a restart: got %d unread, want 3", n)
	}
	publish(t, a, "alice", "")
	if n := unread(t, a, "alice"); n != 4 {
		t.Errorf("got %d unread, want 4", n)
	}
}

func TestStopSendsClientsAway(t *testing.T) { plainAndTLS(t, stopSendsClientsAway) }

func stopSendsClientsAway(t *testing.T, cfg config.Config) {
	a, book := start(t, cfg)
	var streams []<-chan string
	for i := range 5 {
		s := stream(t, a, fmt.Sprintf("user-%d", i), "")
		next(t, s, "counts")
		streams = append(streams, s)
	}
	stop(t, a)
	for _, s := range streams {
		next(t, s, "drain")
		next(t, s, "")
	}
	text := book.String()
	last := -1
	for _, part := range []string{"http", "transports", "node", "store"} {
		i := strings.Index(text, "msg=stopped part="+part)
		if i < last {
			t.Errorf("%s was not stopped in its turn:\n%s", part, text)
		}
		last = i
	}
}

func TestOnlyCredentialsAreLetIn(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev = false
	cfg.Token.Secret = transports.NewSecret(secret)
	_, key, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Name: "first", Scopes: []string{"admin", "publish", "read"}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	token, err := IssueToken(cfg, TokenOrder{User: "alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := start(t, cfg)
	if status, _ := call(t, "POST", a.URL()+"/v1/users/alice/messages", "", `{"title":"x"}`); status != http.StatusUnauthorized {
		t.Errorf("without a key: got %d", status)
	}
	publish(t, a, "alice", key.Reveal())
	for path, want := range map[string]int{"alice": 200, "me": 200, "bob": 403} {
		if status, body := call(t, "GET", a.URL()+"/v1/users/"+path+"/counts", token, ""); status != want {
			t.Errorf("%s with alice's token: got %d %s, want %d", path, status, body, want)
		}
	}
	if status, _ := call(t, "GET", a.URL()+"/", "", ""); status != http.StatusNotFound {
		t.Errorf("the demo page without dev: got %d", status)
	}
	if _, _, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Scopes: []string{"read"}}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "--url") {
		t.Errorf("a key in the data of a running server: got %v", err)
	}
}

func TestRevokedKeyLosesItsConnections(t *testing.T) { plainAndTLS(t, revokedKeyLosesItsConnections) }

func revokedKeyLosesItsConnections(t *testing.T, cfg config.Config) {
	cfg.Dev = false
	log := slog.New(slog.DiscardHandler)
	_, admin, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Name: "admin", Scopes: []string{"admin"}}, log)
	if err != nil {
		t.Fatal(err)
	}
	reader, text, err := CreateKey(t.Context(), cfg.Data, "", KeyOrder{Name: "reader", Scopes: []string{"read"}}, log)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := start(t, cfg)
	s := stream(t, a, "alice", text.Reveal())
	next(t, s, "counts")
	if status, body := call(t, "DELETE", a.URL()+"/v1/keys/"+reader.ID, admin.Reveal(), ""); status != http.StatusOK {
		t.Fatalf("revoke: %d %s", status, body)
	}
	next(t, s, "")
}

func TestReload(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev = false
	cfg.Token.Secret = transports.NewSecret(secret)
	a, book := start(t, cfg)
	old, err := IssueToken(cfg, TokenOrder{User: "alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s := stream(t, a, "alice", old)
	next(t, s, "counts")

	fresh := cfg
	fresh.Token.Secret = transports.NewSecret(strings.Repeat("x", 32))
	fresh.Log.Level, fresh.HTTP = "debug", "127.0.0.1:1"
	if err := a.Reload(fresh); err != nil {
		t.Fatal(err)
	}
	next(t, s, "") // the token it came with is good no more
	counts := a.URL() + "/v1/users/alice/counts"
	if status, _ := call(t, "GET", counts, old, ""); status != http.StatusUnauthorized {
		t.Errorf("with a token of the old secret: got %d", status)
	}
	token, err := IssueToken(fresh, TokenOrder{User: "alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := call(t, "GET", counts, token, ""); status != http.StatusOK {
		t.Errorf("with a token of the new secret: got %d %s", status, body)
	}
	if !a.log.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("the log's level was not taken over")
	}
	for _, want := range []string{"changed=\"token.secret log.level\"", "need a restart", "settings=http"} {
		if !strings.Contains(book.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, book)
		}
	}
	bad := fresh
	bad.Token.Secret = transports.NewSecret("short")
	if err := a.Reload(bad); err == nil {
		t.Error("a secret that is too short was taken over")
	}
	if status, _ := call(t, "GET", counts, token, ""); status != http.StatusOK {
		t.Errorf("after a reload that failed: got %d", status)
	}
}

func TestOperations(t *testing.T) {
	a, _ := start(t, testConfig(t))
	publish(t, a, "alice", "")
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ready", "/openapi.yaml": "openapi: 3.1", "/metrics": "reddot_http_requests_total",
		"/": "<html", "/message/count/alice": `"data":1`,
	} {
		if status, body := call(t, "GET", a.URL()+path, "", ""); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: got %d %.200s, want %q in it", path, status, body, want)
		}
	}
}

// A signal may come the moment that the server is up.
func TestStopRightAfterStart(t *testing.T) {
	cfg := testConfig(t)
	for range 20 {
		a, _ := start(t, cfg)
		stop(t, a)
	}
}

func TestAddressInUse(t *testing.T) {
	a, _ := start(t, testConfig(t))
	cfg := testConfig(t)
	cfg.HTTP = a.Addr().String()
	log, level := NewLog(cfg.Log, io.Discard)
	err := New(cfg, log, level).Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "choose another address with --http") {
		t.Errorf("got %v", err)
	}
	// What was started is stopped: the data is free again.
	cfg.HTTP = "127.0.0.1:0"
	start(t, cfg)
}

func TestLargeHeadIsRefused(t *testing.T) {
	cfg := testConfig(t)
	a, _ := start(t, cfg)
	c, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	// No byte more than the server reads: it would cost the client the answer.
	head := "GET /healthz?"
	if _, err := io.WriteString(c, head+strings.Repeat("x", int(cfg.Limits.MaxHeader)-len(head))); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 413 ") || !strings.Contains(string(answer), `"code":"too_large"`) {
		t.Errorf("got %s, %v", answer, err)
	}
}

// A connection on which no request comes is closed, in words that clients take
// for that.
func TestUnusedConnection(t *testing.T) {
	cfg := testConfig(t)
	cfg.Server.ReadTimeout = 50 * time.Millisecond
	a, _ := start(t, cfg)
	c, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") || !strings.Contains(string(answer), "Connection: close") || !strings.Contains(string(answer), `"status":408`) {
		t.Errorf("got %s, %v", answer, err)
	}
}

// TestConnections asks who is connected, and sends them away.
func TestConnections(t *testing.T) { plainAndTLS(t, isListed) }

func isListed(t *testing.T, cfg config.Config) {
	a, _ := start(t, cfg)
	events := stream(t, a, "alice", "")
	next(t, events, "counts")
	status, body := call(t, http.MethodGet, a.URL()+"/v1/users/alice/connections", "", "")
	if status != http.StatusOK || !strings.Contains(body, `"transport":"sse"`) || !strings.Contains(body, `"address":"127.0.0.1"`) {
		t.Errorf("connections: %d %s", status, body)
	}
	if status, body := call(t, http.MethodPost, a.URL()+"/v1/users/alice/disconnect", "", ""); status != http.StatusNoContent {
		t.Errorf("disconnect: %d %s", status, body)
	}
	next(t, events, "")
	if _, body := call(t, http.MethodGet, a.URL()+"/v1/users/alice/connections", "", ""); strings.Contains(body, "sse") {
		t.Errorf("after disconnect: %s", body)
	}
}
