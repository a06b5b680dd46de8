package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/results"
)

const batchPath = "/v1/messages/batch"

// lines decodes the results of a batch.
func lines(t *testing.T, body []byte) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range bytes.Lines(body) {
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, v)
	}
	return list
}

func TestBatch(t *testing.T) {
	s := serve(t, func(_ *Config, _ *Deps, l *transports.Limits) { l.MaxLine = 1000 })
	body := `{"to":{"user":"alice"},"body":"one","idempotency_key":"k"}
{"to":{"user":"alice"},"body":7}

{"to":{"user":"alice"},"body":"` + strings.Repeat("x", 2000) + `"}
` + "  {\"to\":{\"users\":[\"a\",\"b\"]},\"body\":\"two\"}\t\r\n" + `{"body":"three"}
{"to":{"user":"alice"},"body":"one","idempotency_key":"k"}
{"to":{"user":"alice"},"body":"four"}`
	a := s.do("POST", batchPath, s.publisher, body)
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("got %d %s", a.StatusCode, a.body)
	}
	var got []string
	for _, r := range lines(t, a.body) {
		got = append(got, strings.TrimSpace(fmt.Sprintln(r["status"], r["code"], r["field"], r["line"], r["recipients"], r["replayed"])))
	}
	want := []string{
		"201 <nil> <nil> <nil> <nil> <nil>",
		"400 invalid body 2 <nil> <nil>",
		"413 too_large line 4 <nil> <nil>",
		"202 <nil> <nil> <nil> 2 <nil>",
		"400 invalid to 6 <nil> <nil>",
		"201 <nil> <nil> <nil> <nil> true",
		"201 <nil> <nil> <nil> <nil> <nil>",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestBatchRefused(t *testing.T) {
	s := serve(t, func(c *Config, _ *Deps, l *transports.Limits) { c.Batches, l.MaxBatch, l.MaxLine = 1, 5000, 1000 })
	wantProblem(t, s.do("POST", batchPath, s.reader, ""), 403, actors.Forbidden, "")
	wantProblem(t, s.do("POST", batchPath, s.publisher, strings.Repeat("\n", 5001)), 413, actors.TooLarge, "body of the request")
	if a := s.do("POST", batchPath, s.publisher, ""); a.StatusCode != 200 || len(a.body) != 0 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	// A body that does not say its length is cut where it is too long.
	r, err := http.NewRequest("POST", s.url+batchPath, struct{ io.Reader }{strings.NewReader(strings.Repeat("{}\n", 3000))})
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.publisher)
	results := lines(t, s.send(r).body)
	if last := results[len(results)-1]; last["status"] != 413.0 {
		t.Errorf("got %v", last)
	}
	_ = s.api.batches.Take("default")
	for _, streams := range []string{"POST " + batchPath, "POST /v1/users/import", "GET /v1/users/export", "GET /v1/lists/beta", "POST /v1/lists/beta", "DELETE /v1/lists/beta"} {
		method, path, _ := strings.Cut(streams, " ")
		wantProblem(t, s.do(method, path, s.admin, ""), 503, actors.Busy, "")
	}
	s.api.batches.Leave("default")
}

// TestBatchStreams has a client that waits for each result before it sends the
// next line.
func TestBatchStreams(t *testing.T) {
	s := serve(t, nil)
	in, out := io.Pipe()
	r, err := http.NewRequest("POST", s.url+batchPath, in)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.publisher)
	go func() { _, _ = io.WriteString(out, `{"to":{"user":"u"},"body":"x"}`+"\n") }()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	results := bufio.NewReader(resp.Body)
	for i := 1; i <= 5; i++ {
		line, err := results.ReadString('\n')
		if err != nil || !strings.Contains(line, fmt.Sprintf(`"rev":%d,`, i)) {
			t.Fatalf("got %q, %v", line, err)
		}
		if i < 5 {
			if _, err := io.WriteString(out, `{"to":{"user":"u"},"body":"x"}`+"\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(results); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v", rest, err)
	}
}

// TestBatchKeepsOrder has answers that come in another order than the lines,
// and more lines than may be under way.
func TestBatchKeepsOrder(t *testing.T) {
	const n = 500
	r := &shuffler{}
	f := results.NewPipeline(r, 16, 1<<20, 5*time.Second)
	var out []byte
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range n {
			if i%7 == 3 {
				f.Refuse(actors.Errorf(actors.Invalid, "no"), i)
				continue
			}
			f.Send(actors.NewRequest("ua/u", &actors.Counts{}), i, i+1)
		}
		r.flush()
	}()
	var spare []byte
	for end := done; ; {
		if b := f.Take(spare); b != nil {
			out = append(out, b...)
			spare = b
			continue
		}
		if end == nil && f.Idle() {
			break
		}
		f.Await(end)
		if isClosed(done) {
			end = nil
		}
	}
	results := lines(t, out)
	if len(results) != n {
		t.Fatalf("got %d results, want %d", len(results), n)
	}
	for i, v := range results {
		if want := float64(i + 1); i%7 != 3 && v["recipients"] != want || i%7 == 3 && v["status"] != 400.0 {
			t.Fatalf("result %d is %v", i, v)
		}
	}
}

// A shuffler answers each four requests in reverse, from another goroutine.
type shuffler struct {
	mu      sync.Mutex
	waiting []*actors.Request
}

func (r *shuffler) Ask(context.Context, *actors.Request) error { return nil }

func (r *shuffler) Send(_ actors.Key, m any) {
	r.mu.Lock()
	r.waiting = append(r.waiting, m.(*actors.Request))
	full := len(r.waiting) == 4
	r.mu.Unlock()
	if full {
		go r.flush()
	}
}

func (r *shuffler) flush() {
	r.mu.Lock()
	list := r.waiting
	r.waiting = nil
	r.mu.Unlock()
	for i := len(list) - 1; i >= 0; i-- {
		list[i].Respond()
	}
}

// TestBatchGivesUp has an actor that never answers: its line fails in time,
// and the others do not.
func TestBatchGivesUp(t *testing.T) {
	s := serve(t, func(c *Config, _ *Deps, _ *transports.Limits) { c.Deadline, c.BatchWindow = 30*time.Millisecond, 2 })
	s.router.hold = func(r *actors.Request) bool { return r.Key.Name() == "slow" }
	line := func(user string) string { return `{"to":{"user":"` + user + `"},"body":"x"}` + "\n" }
	a := s.do("POST", batchPath, s.publisher, line("a")+line("slow")+line("b")+line("c")+line("d"))
	var got []string
	for _, r := range lines(t, a.body) {
		got = append(got, strings.TrimSpace(fmt.Sprintln(r["status"], r["code"], r["line"])))
	}
	const want = "201 <nil> <nil>, 503 unavailable 2, 201 <nil> <nil>, 201 <nil> <nil>, 201 <nil> <nil>"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	for _, r := range s.router.held {
		r.Respond() // the answer that comes too late harms nobody
	}
}

// TestBatchClientGone cuts the connection in the middle.
func TestBatchClientGone(t *testing.T) {
	s := serve(t, nil)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n"+
		"31\r\n"+`{"to":{"user":"u"},"body":"x"}`+"\n"+`{"to":{"user":"u"}`+"\r\n", batchPath, s.publisher)
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); s.api.batches.Len() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the batch keeps its place")
		}
	}
	s.router.mu.Lock()
	defer s.router.mu.Unlock()
	if n := len(s.router.users["udefault/u"].messages); n != 1 {
		t.Errorf("got %d messages, want 1: half a line is none", n)
	}
}

// FuzzBatchLine reads any line: no panic, and one result at most.
func FuzzBatchLine(f *testing.F) {
	for _, s := range []string{`{"to":{"user":"a"},"body":"x"}`, `{"to":{"users":["a","b"]},"title":"x","idempotency_key":"k"}`, `{"to":{"all":true}}`, "", "\x00"} {
		f.Add([]byte(s))
	}
	b := lineBatch(f, answering{})
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsRune(line, '\n') {
			return
		}
		b.line(bytes.TrimSpace(line), 1)
		out := b.pipeline.Flush(nil)
		if n := bytes.Count(out, []byte("\n")); n > 1 || n == 0 && len(bytes.TrimSpace(line)) > 0 || n == 1 && !json.Valid(out) {
			t.Fatalf("%q: got %q", line, out)
		}
	})
}

// answering is a router that answers at once.
type answering struct{}

func (a answering) Ask(ctx context.Context, r *actors.Request) error {
	a.Send(r.Key, r)
	return r.Wait(ctx)
}

func (answering) Send(_ actors.Key, m any) {
	r := m.(*actors.Request)
	r.Answer.Counts = append(r.Answer.Counts[:0], `{"unread":3,"unseen":1,"by_category":{"order":2},"rev":918,"cursor":"AQAAAAAAAAABAQA"}`...)
	r.Answer.Outcome = actors.Delivered
	r.Respond()
}

// lineBatch is a batch without a connection.
func lineBatch(t testing.TB, router actors.Router) *batch {
	t.Helper()
	gate, err := transports.NewGate(transports.Limits{PublishesPerKey: -1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &API{now: time.Now, deps: Deps{Gate: gate, Router: router}}
	a.cfg.fill()
	return &batch{request: (*batch).publish, api: a, who: &transports.Principal{ID: "key:x", App: "default", Kind: transports.ServerKey}, limits: gate.Limits(),
		lane: &lane{draft: draft{lim: &a.cfg.Message}, pipeline: results.NewPipeline(router, a.cfg.BatchWindow, a.cfg.BatchOutput, time.Second)}}
}

// BenchmarkBatch is what a line costs here: to read it, to send it to an actor
// that answers at once, and to write its result.
func BenchmarkBatch(b *testing.B) {
	const n = 1000
	var in []byte
	for i := range n {
		in = fmt.Appendf(in, `{"to":{"user":"user-%d"},"body":"%s"}`+"\n", i, strings.Repeat("x", 128))
	}
	batch := lineBatch(b, answering{})
	var spare []byte
	b.ReportAllocs()
	for b.Loop() {
		i := 0
		for line := range bytes.Lines(in) {
			i++
			batch.line(line[:len(line)-1], i)
		}
		if out := batch.pipeline.Take(spare); out != nil {
			spare = out
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "lines/s")
}

// TestBatchStandsStill has room for a few results only: the batch waits for
// its client, and goes on.
func TestBatchStandsStill(t *testing.T) {
	s := serve(t, func(c *Config, _ *Deps, _ *transports.Limits) {
		c.BatchOutput, c.BatchWindow, c.BatchLines = 600, 8, 3000
	})
	line := `{"to":{"user":"u"},"body":"x"}` + "\n"
	a := s.do("POST", batchPath, s.publisher, strings.Repeat(line, 3001))
	results := lines(t, a.body)
	if len(results) != 3001 {
		t.Fatalf("got %d results, want 3001", len(results))
	}
	for i, r := range results[:3000] {
		if r["rev"] != float64(i+1) {
			t.Fatalf("result %d is %v", i, r)
		}
	}
	if results[3000]["code"] != string(actors.TooMany) {
		t.Errorf("got %v, want that there are too many lines", results[3000])
	}
}

// Who trickles gives the place back, however steadily the bytes come.
func TestBatchTrickles(t *testing.T) {
	s := serve(t, func(c *Config, _ *Deps, _ *transports.Limits) { c.BatchIdle, c.BatchRate = 300*time.Millisecond, 1000 })
	r, w := io.Pipe()
	request, err := http.NewRequest("POST", s.url+batchPath, r)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.publisher)
	done := make(chan answer, 1)
	go func() {
		defer close(done)
		done <- s.send(request)
	}()
	trickle := time.NewTicker(20 * time.Millisecond)
	defer trickle.Stop()
	for {
		select {
		case a, ok := <-done:
			if !ok || !strings.Contains(string(a.body), "comes too slowly") {
				t.Fatalf("got %s", a.body)
			}
			_ = r.Close()
			for deadline := time.Now().Add(5 * time.Second); s.api.batches.Len() > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the place is not given back")
				}
			}
			return
		case <-trickle.C:
			_, _ = w.Write([]byte(" "))
		}
	}
}
