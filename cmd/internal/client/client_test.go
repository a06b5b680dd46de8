package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(Config{URL: s.URL, Key: "rk_test", Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPublish(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := r.Method + " " + r.URL.EscapedPath() + " " + r.Header.Get("Authorization") + " " + r.Header.Get("Idempotency-Key") + " " + string(body)
		if want := `POST /v1/users/a@b/messages Bearer rk_test key {"body":"x","category":"order"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":"1","rev":2,"counts":{"unread":3},"outcome":"delivered"}`)
	})
	p, err := c.Publish(t.Context(), "a@b", Draft{Body: "x", Category: "order"}, "key")
	if err != nil || p.ID != "1" || p.Counts.Unread != 3 {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestProblem(t *testing.T) {
	for body, want := range map[string]string{
		`{"status":429,"code":"too_many","detail":"slow down"}`:                 "slow down (too_many)",
		`{"code":"invalid","detail":"it must be short","field":"title"}`:        "title: it must be short (invalid)",
		`{"code":"invalid","detail":"title: it must be short","field":"title"}`: "title: it must be short (invalid)",
		`<html>a proxy</html>`: "the server answers 429 Too Many Requests",
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, body)
		})
		_, err := c.Counts(t.Context(), "alice", "")
		var p *Problem
		if !errors.As(err, &p) || p.Error() != want || p.RetryAfter != 7*time.Second || !p.Temporary() {
			t.Errorf("%s: got %v", body, err)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + ln.Addr().String()
	ln.Close()
	c, err := New(Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Counts(t.Context(), "alice", "")
	if err == nil || !strings.Contains(err.Error(), "is reddot serve running there?") {
		t.Errorf("got %v", err)
	}
}

func TestRedirectKeepsTheKey(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
	})
	_, err := c.Counts(t.Context(), "alice", "")
	var p *Problem
	if !errors.As(err, &p) || p.Status != http.StatusFound {
		t.Errorf("got %v", err)
	}
}

func TestBadURL(t *testing.T) {
	for _, url := range []string{"", "localhost:7777", "ftp://x", "http://"} {
		if _, err := New(Config{URL: url}); err == nil {
			t.Errorf("%q was taken", url)
		}
	}
}

// errEnough ends a watch.
var errEnough = errors.New("enough")

// watch follows until n events have come and returns their types and cursors.
func watch(t *testing.T, c *Client, transport Transport, n int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []string
	err := c.Watch(ctx, Watch{User: "alice", Transport: transport, Event: func(e Event) error {
		got = append(got, e.Type+" "+e.Cursor)
		if len(got) == n {
			return errEnough
		}
		return nil
	}})
	if !errors.Is(err, errEnough) {
		t.Fatalf("got %v after %v", err, got)
	}
	return strings.Join(got, ", ")
}

func TestSSEResumes(t *testing.T) {
	var calls int
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		if calls == 1 {
			fmt.Fprint(w, "retry: 1\n\n:beat\n\nid: c1\nevent: counts\ndata: {\"type\":\"counts\",\ndata: \"cursor\":\"c1\"}\n\n")
			return
		}
		fmt.Fprintf(w, "data: {\"type\":\"message\",\"cursor\":\"after-%s\"}\n\n", r.Header.Get("Last-Event-ID"))
	})
	if got, want := watch(t, c, SSE, 2), "counts c1, message after-c1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLongPollResumes(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch after := r.URL.Query().Get("after"); after {
		case "":
			fmt.Fprint(w, `{"events":[],"counts":{"unread":1},"cursor":"c1"}`)
		case "c1":
			fmt.Fprint(w, `{"events":[{"type":"message","cursor":"c2"},{"type":"state","cursor":"c3"}],"counts":{},"cursor":"c3"}`)
		default:
			fmt.Fprintf(w, `{"events":[{"type":"update","cursor":"after-%s"}],"counts":{},"cursor":"c4"}`, after)
		}
	})
	if got, want := watch(t, c, LongPoll, 4), "counts c1, message c2, state c3, update after-c3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWatchEndsWhereItIsRefused(t *testing.T) {
	for _, transport := range []Transport{SSE, LongPoll, WebSocket} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"code":"forbidden","detail":"no"}`)
		})
		err := c.Watch(t.Context(), Watch{User: "alice", Transport: transport, Event: func(Event) error { return nil }})
		var p *Problem
		if !errors.As(err, &p) || p.Status != http.StatusForbidden {
			t.Errorf("%s: got %v", transport, err)
		}
	}
}

func FuzzSSE(f *testing.F) {
	f.Add([]byte("data: {\"type\":\"counts\"}\n\nretry: 5\n\n:x\n\ndata:a\r\n\r\n"))
	f.Fuzz(func(_ *testing.T, stream []byte) {
		w := &watcher{Watch: Watch{Event: func(Event) error { return nil }}}
		_ = readSSE(strings.NewReader(string(stream)), w)
	})
}

// cutOff ends an answer within a line, as a server does that is killed.
func cutOff(w http.ResponseWriter, text string) {
	fmt.Fprint(w, text)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// What lists users goes on behind the last whole line.
func TestUsersAreListedToTheEnd(t *testing.T) {
	answers := map[string]func(http.ResponseWriter){
		"":      func(w http.ResponseWriter) { cutOff(w, "{\"user\":\"alice\"}\n{\"user\":\"bo") },
		"alice": func(w http.ResponseWriter) { http.Error(w, `{"code":"busy"}`, http.StatusServiceUnavailable) },
		"bob":   func(w http.ResponseWriter) { fmt.Fprint(w, "{\"user\":\"carol\"}\n") },
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		after := r.URL.Query().Get("after")
		answer := answers[after]
		if after == "alice" {
			answers[after] = func(w http.ResponseWriter) { cutOff(w, "{\"user\":\"bob\"}\n") }
		}
		answer(w)
	})
	var got []string
	err := c.List(t.Context(), "beta", func(user string) error {
		got = append(got, user)
		return nil
	})
	if err != nil || strings.Join(got, " ") != "alice bob carol" {
		t.Errorf("got %q, %v", got, err)
	}
	var out strings.Builder
	answers[""] = func(w http.ResponseWriter) { fmt.Fprint(w, "{\"user\":\"alice\",\"tags\":[]}\n") }
	if err := c.ExportUsers(t.Context(), "ndjson", &out); err != nil || out.String() != "{\"user\":\"alice\",\"tags\":[]}\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	answers[""] = func(w http.ResponseWriter) { cutOff(w, "user\nali") }
	if err := c.ExportUsers(t.Context(), "csv", io.Discard); err == nil || !strings.Contains(err.Error(), "is not whole") {
		t.Errorf("got %v", err)
	}
}

// An import whose answer breaks off within a line may go on: the line is no answer.
func TestImportBreaksOffWithinALine(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		cutOff(w, "{\"job\":\"j\",\"state\":\"running\",\"lines\":7}\n{\"job\":\"j\",\"sta")
	})
	last, err := c.ImportUsers(t.Context(), Import{Job: "j", Mode: "merge", Format: "ndjson"}, strings.NewReader(""), func(BadLine) {}, func(Progress) {})
	var broken interface{ Temporary() bool }
	if !errors.As(err, &broken) || !broken.Temporary() || last.Lines != 7 {
		t.Errorf("got %+v, %v", last, err)
	}
}

// Each user's result is its own, and a refusal says why.
func TestChangeList(t *testing.T) {
	answer := "{\"status\":200,\"user\":\"alice\"}\n{\"status\":400,\"code\":\"invalid\",\"detail\":\"no\",\"line\":2}\n"
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if got := r.URL.Path + " " + string(body); got != "/v1/lists/beta/remove {\"user\":\"alice\"}\n{\"user\":\"b c\"}\n" {
			t.Errorf("got %q", got)
		}
		fmt.Fprint(w, answer)
	})
	got, err := c.ChangeList(t.Context(), "beta", true, []string{"alice", "b c"})
	if err != nil || len(got) != 2 || got[0].Failed != nil || got[1].User != "b c" || got[1].Failed.Detail != "no" {
		t.Errorf("got %+v, %v", got, err)
	}
	answer = "{\"status\":200,\"user\":\"alice\"}\n"
	if _, err := c.ChangeList(t.Context(), "beta", true, []string{"alice", "b c"}); err == nil {
		t.Error("a result is missing, and nobody says so")
	}
}
