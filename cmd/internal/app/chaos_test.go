package app_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/cmd/internal/app"
	"reddot/cmd/internal/chaos/screen"
)

// The chaos run: writers and clients of all five transports go on while the
// server's process is killed again and again. In the end every answered write
// is there once, every unanswered one once or never, and every client's count
// is that of a naive model which was fed by the HTTP answers alone.
//
// Each writer has a category of its own, so that nobody else changes what it
// wrote: its model needs no order between writers.

const (
	chaosKills   = 20
	chaosWriters = 8
	chaosUsers   = 100
	chaosClients = 30
)

func TestKilledAtRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the chaos run takes half a minute")
	}
	s := startProcess(t)
	chaos(t, s, chaosKills, func(*rand.Rand) {
		s.kill(t)
		s.start(t)
	})
}

// chaos lets writers and clients go on while the fault happens a few times.
func chaos(t *testing.T, s *process, faults int, fault func(*rand.Rand)) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("REDDOT_CHAOS_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("REDDOT_CHAOS_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("REDDOT_CHAOS_SEED=%d", seed)
	stop := make(chan struct{})
	var clients, writers sync.WaitGroup
	var cs []*chaosClient
	for i := range chaosClients {
		c := newChaosClient(s.url, userName(i%chaosUsers), rand.New(rand.NewPCG(seed, uint64(1000+i))))
		cs = append(cs, c)
		clients.Add(1)
		go func() { defer clients.Done(); c.roam(stop) }()
	}
	var ws []*chaosWriter
	for i := range chaosWriters {
		w := newChaosWriter(s.url, i, rand.New(rand.NewPCG(seed, uint64(i))))
		ws = append(ws, w)
		writers.Add(1)
		go func() { defer writers.Done(); w.write(stop) }()
	}
	r := rand.New(rand.NewPCG(seed, 77))
	for range faults {
		time.Sleep(time.Duration(200+r.IntN(600)) * time.Millisecond) // the fault's moment is what is random here
		fault(r)
	}
	close(stop)
	writers.Wait()
	clients.Wait()
	writes := 0
	for _, w := range ws {
		for _, err := range w.faults {
			t.Error(err)
		}
		writes += w.answered
	}
	final := checkUsers(t, s.url, ws)
	used := make(map[string]int)
	var checks sync.WaitGroup
	for _, c := range cs {
		checks.Go(func() { c.check(t, final[c.user], ws) })
	}
	checks.Wait()
	for _, c := range cs {
		for transport, n := range c.used {
			used[transport] += n
		}
	}
	for _, transport := range chaosTransports {
		if used[transport] == 0 {
			t.Errorf("nothing came by %s", transport)
		}
	}
	t.Logf("%d answered writes, %d unanswered publishes, %d kills, events by %v", writes, unanswered(ws), faults, used)
	if writes < 500 {
		t.Errorf("%d answered writes: the run has shown nothing", writes)
	}
}

func userName(i int) string { return fmt.Sprintf("user-%d", i) }

func unanswered(ws []*chaosWriter) (n int) {
	for _, w := range ws {
		for _, m := range w.messages {
			if m.id == "" {
				n++
			}
		}
	}
	return n
}

// process is a server in a process of its own.
type process struct {
	binary, dir, addr, url string
	env                    []string
	args                   []string
	cmd                    *exec.Cmd
	out                    *bytes.Buffer
	cert                   string // "": no TLS
}

// startProcess starts the program on a new data directory, with
// more arguments if there are any.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	s := newProcess(t)
	s.args = args
	s.start(t)
	return s
}

// newProcess prepares one. env is what its environment has besides ours.
func newProcess(t *testing.T, env ...string) *process {
	t.Helper()
	s := &process{binary: app.Binary(t), dir: filepath.Join(t.TempDir(), "data"), addr: app.FreeAddr(t), env: append(os.Environ(), env...)}
	s.url = "http://" + s.addr
	t.Cleanup(func() {
		if s.cmd != nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
	})
	return s
}

// secure lets the server, not yet started, have TLS in place of plain connections.
func (s *process) secure(t *testing.T) {
	var key string
	s.cert, key = app.CertificateFiles(t)
	s.env = append(s.env, "REDDOT_TLS_CERT="+s.cert, "REDDOT_TLS_KEY="+key)
	s.url = "https://" + s.addr
}

// trusting is how clients take a test's own certificate.
func trusting() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

func (s *process) start(t *testing.T) {
	t.Helper()
	s.launch(t)
	s.ready(t)
}

// launch starts the server and does not wait for it.
func (s *process) launch(t *testing.T) {
	t.Helper()
	s.out = &bytes.Buffer{}
	s.cmd = exec.Command(s.binary, append([]string{"serve", "--dev", "--http", s.addr, "--data", s.dir}, s.args...)...)
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.Env = s.out, s.out, s.env
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// ready waits until the server takes traffic.
func (s *process) ready(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		res, err := http.Get(s.url + "/readyz")
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return
		}
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	t.Fatalf("the server is not ready after 30 s:\n%s", s.out)
}

func (s *process) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()
}

// chaosMessage is what a writer knows of one message that it published.
type chaosMessage struct {
	user, stamp string
	id          string // empty: no answer came
	state       string
}

type chaosWriter struct {
	url      string
	category string
	rand     *rand.Rand
	client   *http.Client
	messages []*chaosMessage
	answered int
	n        int
	faults   []error
}

func newChaosWriter(url string, i int, r *rand.Rand) *chaosWriter {
	return &chaosWriter{url: url, category: fmt.Sprintf("writer-%d", i), rand: r,
		client: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1, TLSClientConfig: trusting()}}}
}

func (w *chaosWriter) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Errorf(w.category+": "+format, args...))
}

func (w *chaosWriter) write(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		user := userName(w.rand.IntN(chaosUsers))
		switch w.rand.IntN(10) {
		case 0:
			w.readAll(user)
		case 1, 2, 3:
			w.mark(w.rand.IntN(3))
		default:
			w.publish(user, w.rand.IntN(4) == 0)
		}
	}
}

// publish publishes once, or until there is an answer.
func (w *chaosWriter) publish(user string, once bool) {
	w.n++
	m := &chaosMessage{user: user, stamp: fmt.Sprintf("%s-%d", w.category, w.n), state: "unseen"}
	w.messages = append(w.messages, m)
	body := fmt.Sprintf(`{"body":%q,"category":%q}`, m.stamp, w.category)
	var out struct {
		ID string `json:"id"`
	}
	if w.post("/v1/users/"+user+"/messages", body, once, &out) {
		m.id = out.ID
	}
}

// mark changes the state of one message, whose present state is known.
func (w *chaosWriter) mark(how int) {
	if len(w.messages) == 0 {
		return
	}
	m := w.messages[w.rand.IntN(len(w.messages))]
	if m.id == "" {
		return
	}
	action := [...]string{"seen", "read", "unread"}[how]
	if !w.post("/v1/users/"+m.user+"/messages/"+m.id+"/"+action, "", false, nil) {
		return
	}
	switch {
	case action == "seen" && m.state == "unseen", action == "unread" && m.state == "read":
		m.state = "seen"
	case action == "read":
		m.state = "read"
	}
}

// readAll reads all that this writer wrote to a user.
func (w *chaosWriter) readAll(user string) {
	if !w.post("/v1/users/"+user+"/read", fmt.Sprintf(`{"all":true,"category":%q}`, w.category), false, nil) {
		return
	}
	for _, m := range w.messages {
		if m.user == user {
			m.state = "read"
		}
	}
}

// post writes under a key until it is answered, or only once.
func (w *chaosWriter) post(path, body string, once bool, out any) bool {
	w.n++
	key := fmt.Sprintf("%s-%d-key", w.category, w.n)
	for try := 0; ; try++ {
		req, err := http.NewRequest(http.MethodPost, w.url+path, strings.NewReader(body))
		if err != nil {
			w.fault("%v", err)
			return false
		}
		req.Header.Set("Idempotency-Key", key)
		req.Header.Set("Content-Type", "application/json")
		res, err := w.client.Do(req)
		if err == nil {
			raw, readErr := io.ReadAll(res.Body)
			_ = res.Body.Close()
			switch {
			case readErr != nil:
				err = readErr
			case res.StatusCode == http.StatusServiceUnavailable:
				err = errors.New("unavailable")
			case res.StatusCode >= 300:
				w.fault("%s %s: %d %s", path, body, res.StatusCode, raw)
				return false
			default:
				w.answered++
				if out != nil {
					if err := json.Unmarshal(raw, out); err != nil {
						w.fault("%s: %v in %s", path, err, raw)
					}
				}
				return true
			}
		}
		if once {
			return false
		}
		if try > 2000 {
			w.fault("%s: no answer: %v", path, err)
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// chaosCounts is the counts object of the API.
type chaosCounts = screen.Counts

// checkUsers holds every inbox against the writers' models.
func checkUsers(t *testing.T, url string, ws []*chaosWriter) map[string]chaosCounts {
	t.Helper()
	final := make(map[string]chaosCounts)
	for i := range chaosUsers {
		user := userName(i)
		want := make(map[string]*chaosMessage)
		for _, w := range ws {
			for _, m := range w.messages {
				if m.user == user {
					want[m.stamp] = m
				}
			}
		}
		unread, unseen, by := 0, 0, map[string]int{}
		for _, got := range listAll(t, url, user) {
			m := want[got.Body]
			switch {
			case m == nil:
				t.Errorf("%s: %q (%s) was never published, or is there twice", user, got.Body, got.ID)
				continue
			case m.id != "" && m.id != got.ID:
				t.Errorf("%s: %q has the id %s, answered was %s", user, got.Body, got.ID, m.id)
			case m.state != got.State:
				t.Errorf("%s: %q (%s) is %s, want %s", user, got.Body, got.ID, got.State, m.state)
			}
			delete(want, got.Body)
			if m.state != "read" {
				unread++
				by[got.Category]++
			}
			if m.state == "unseen" {
				unseen++
			}
		}
		for _, m := range want {
			if m.id != "" {
				t.Errorf("%s: the answered %q (%s) is lost", user, m.stamp, m.id)
			}
		}
		var got chaosCounts
		getJSON(t, url+"/v1/users/"+user+"/counts", &got)
		if got.Unread != unread || got.Unseen != unseen || fmt.Sprint(got.ByCategory) != fmt.Sprint(by) {
			t.Errorf("%s: counts are %+v, want unread %d, unseen %d, %v", user, got, unread, unseen, by)
		}
		final[user] = got
	}
	return final
}

type listedMessage struct {
	ID       string `json:"id"`
	Body     string `json:"body"`
	State    string `json:"state"`
	Category string `json:"category"`
}

func listAll(t *testing.T, url, user string) (all []listedMessage) {
	t.Helper()
	for next := ""; ; {
		var page struct {
			Messages []listedMessage `json:"messages"`
			Next     string          `json:"next"`
		}
		getJSON(t, url+"/v1/users/"+user+"/messages?state=all&limit=200&next="+next, &page)
		all = append(all, page.Messages...)
		if next = page.Next; next == "" {
			return all
		}
	}
}

func getJSON(t *testing.T, url string, out any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v %s", url, res.StatusCode, err, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatalf("%s: %v in %s", url, err, raw)
	}
}
