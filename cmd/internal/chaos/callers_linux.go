package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"reddot/cmd/internal/chaos/screen"
)

// callTime is how long a caller waits for an answer before it asks another
// server under the same key.
const callTime = 3 * time.Second

// giveUp is how long a caller tries. No fault lasts so long.
const giveUp = 90 * time.Second

// A caller does one operation after the other, on users of chance, by servers of
// chance.
type caller struct {
	world   *world
	number  int
	rng     *rand.Rand
	users   []*log
	began   time.Time
	client  *http.Client
	keys    int
	pause   time.Duration // between operations; 0: none
	done    int           // operations that were answered
	slowest time.Duration
	faults  []error
	codes   map[string]int // refusals, by code
}

func newCaller(w *world, number int, users []*log, began time.Time, pause time.Duration) *caller {
	return &caller{world: w, number: number, rng: rand.New(rand.NewPCG(w.cfg.Seed, uint64(1000+number))), users: users, began: began, pause: pause,
		client: &http.Client{Timeout: callTime, Transport: &http.Transport{MaxIdleConnsPerHost: 2, TLSClientConfig: trusting}}, codes: make(map[string]int)}
}

// call goes on until stop.
func (c *caller) call(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		l := c.users[c.rng.IntN(len(c.users))]
		if c.rng.IntN(3) == 0 { // a quarter of the users has more than half of the calls
			l = c.users[c.rng.IntN(max(1, len(c.users)/4))]
		}
		c.one(l)
		if c.pause > 0 {
			time.Sleep(c.pause/2 + time.Duration(c.rng.Int64N(int64(c.pause))))
		}
	}
}

// one does an operation of chance.
func (c *caller) one(l *log) {
	op := Op{Caller: c.number, Return: unanswered}
	path, body := "", ""
	switch k := c.rng.IntN(100); {
	case k < 50:
		c.publish(l, c.rng.IntN(20) == 0)
		return
	case k < 60:
		op.Kind = Seen
	case k < 72:
		op.Kind = Read
	case k < 80:
		op.Kind = Unread
	case k < 83:
		op.Kind = ReadAll
		path, body = "/read", `{"all":true}`
	default:
		op.Kind = Counts
		path = "/counts"
	}
	if path == "" {
		m, ok := l.some(c.rng.IntN)
		if !ok {
			return
		}
		op.Message = m.number
		path = "/messages/" + m.id + "/" + op.Kind.String()
	}
	c.do(l, op, "/v1/users/"+l.h.User+path, body, false)
}

// publish publishes until it is acknowledged, or once.
func (c *caller) publish(l *log, once bool) {
	c.keys++
	text := fmt.Sprintf("message %d of caller %d", c.keys, c.number)
	op := Op{Caller: c.number, Kind: Publish, Message: l.message(text), Return: unanswered}
	c.do(l, op, "/v1/users/"+l.h.User+"/messages", fmt.Sprintf(`{"body":%q,"category":"c%d"}`, text, c.number%3), once)
}

// answer is what the API says to an operation.
type answer struct {
	ID     string         `json:"id"`
	Rev    uint64         `json:"rev"`
	Counts *screen.Counts `json:"counts"`
	Unread int            `json:"unread"` // of GET /counts
	Unseen int            `json:"unseen"`
}

func tally(n screen.Counts) Tally { return Tally{n.Rev, n.Unread, n.Unseen} }

// do asks one server after the other until one answers, and records it.
func (c *caller) do(l *log, op Op, path, body string, once bool) {
	c.keys++
	key := fmt.Sprintf("c%d-%d", c.number, c.keys)
	op.Call = time.Since(c.began)
	var last error
	for try := 0; ; try++ {
		if op.Kind == Counts {
			op.Call = time.Since(c.began) // those before it have done nothing
		}
		a, repeated, err := c.ask(c.world.any(c.rng), &op, path, key, body)
		if err == nil {
			op.Answered, op.Repeated, op.Return = true, repeated, time.Since(c.began)
			op.ID, op.Rev = a.ID, a.Rev
			if op.Kind == Counts {
				op.Tally = Tally{a.Rev, a.Unread, a.Unseen}
			} else if a.Counts != nil {
				op.Tally = tally(*a.Counts)
			}
			l.add(op)
			c.done++
			c.slowest = max(c.slowest, op.Return-op.Call)
			return
		}
		last = err
		var final *refusal
		if c.world.cfg.Mode == Lost && errors.As(err, &final) && final.status == http.StatusNotFound {
			return // what it is about was lost
		}
		if errors.As(err, &final) && !final.temporary() {
			c.faults = append(c.faults, fmt.Errorf("caller %d: %s of %s: %w", c.number, op.Kind, l.h.User, err))
			return
		}
		if once || time.Since(c.began)-op.Call > giveUp {
			break
		}
		time.Sleep(time.Duration(5+c.rng.IntN(20)) * time.Millisecond)
	}
	if !once {
		c.faults = append(c.faults, fmt.Errorf("caller %d: %s of %s has no answer after %v: %w", c.number, op.Kind, l.h.User, giveUp, last))
	}
	if op.Kind != Counts {
		l.add(op)
	}
}

// A refusal is an answer that is no success.
type refusal struct {
	status int
	code   string
	text   string
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.status, r.text) }

func (r *refusal) temporary() bool { return r.status == http.StatusServiceUnavailable }

// ask asks one server once.
func (c *caller) ask(server int, op *Op, path, key, body string) (a answer, repeated bool, err error) {
	method := http.MethodPost
	if op.Kind == Counts {
		method = http.MethodGet
	}
	req, err := http.NewRequest(method, c.world.url(server)+path, strings.NewReader(body))
	if err != nil {
		return a, false, err
	}
	req.Header.Set("Authorization", "Bearer "+c.world.key)
	if method == http.MethodPost {
		req.Header.Set("Idempotency-Key", key)
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.client.Do(req)
	if err != nil {
		c.codes["no answer"]++
		return a, false, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		c.codes["no answer"]++
		return a, false, err
	case res.StatusCode >= 300:
		r := &refusal{status: res.StatusCode, text: string(raw)}
		var p struct{ Code string }
		if json.Unmarshal(raw, &p) == nil {
			r.code = p.Code
		}
		c.codes[r.code]++
		return a, false, r
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return a, false, &refusal{status: res.StatusCode, text: fmt.Sprintf("%v in %s", err, raw)}
	}
	return a, res.Header.Get("Idempotent-Replayed") == "true", nil
}

// get reads something of a server.
func (w *world) get(ctx context.Context, i int, path string, out any) error {
	return w.ask(ctx, w.probe, i, path, out)
}

func (w *world) ask(ctx context.Context, client *http.Client, i int, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url(i)+path, nil)
	if err != nil {
		return err
	}
	key := w.key
	if strings.HasPrefix(path, "/v1/cluster") {
		key = w.operator
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return &refusal{status: res.StatusCode, text: string(bytes.TrimSpace(raw))}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}

// getUntil is get by any server, again and again, for a while.
func (w *world) getUntil(ctx context.Context, server int, path string, out any) (err error) {
	for late := time.Now().Add(30 * time.Second); time.Now().Before(late); time.Sleep(20 * time.Millisecond) {
		if err = w.ask(ctx, w.reader, server, path, out); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", path, err)
}

// A crowd is the callers and clients of a run.
type crowd struct {
	callers    []*caller
	clients    []*client
	devices    []*device
	users      []*log
	calling    sync.WaitGroup
	watching   sync.WaitGroup
	stop, over chan struct{}
}

func (c *crowd) answered() (n int, slowest time.Duration) {
	for _, o := range c.callers {
		n += o.done
		slowest = max(slowest, o.slowest)
	}
	return n, slowest
}
