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

	"reddot/cmd/internal/chaos/judge"
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
	key     string // of the server
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
	air     *air
	spoken  []string       // broadcasts of this caller that are not over
	codes   map[string]int // refusals, by code
}

func newCaller(w *world, number int, users []*log, air *air, began time.Time, pause time.Duration) *caller {
	return &caller{world: w, key: w.key, number: number, air: air, rng: rand.New(rand.NewPCG(w.cfg.Seed, uint64(1000+number))), users: users, began: began, pause: pause,
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
	op := judge.Op{Caller: c.number, Return: judge.Unanswered}
	path, body := "", ""
	k := c.rng.IntN(100)
	if c.world.cfg.Mode == Lost && k >= 73 {
		k = 99 // what else is lost with a database's end is not judged
	}
	switch {
	case k < 42:
		c.publish(l, c.rng.IntN(20) == 0)
		return
	case k < 54:
		op.Kind = judge.Seen
	case k < 64:
		op.Kind = judge.Read
	case k < 70:
		op.Kind = judge.Unread
	case k < 73:
		op.Kind = judge.ReadAll
		path, body = "/read", `{"all":true}`
		if op.Tenant = c.someTenant(); op.Tenant != "" {
			body = fmt.Sprintf(`{"all":true,"tenant":%q}`, op.Tenant)
		}
	case k < 91:
		c.other(l, k)
		return
	case k < 96:
		c.broadcast()
		return
	default:
		op.Kind = judge.Counts
		path = "/counts"
		if op.Tenant = c.someTenant(); op.Tenant != "" {
			path += "?tenant=" + op.Tenant
		}
	}
	if path == "" {
		m, ok := c.some(l)
		if !ok {
			return
		}
		op.Message = m.number
		path = "/messages/" + m.id + "/" + op.Kind.String()
	}
	c.do(l, op, "/v1/users/"+l.h.User+path, body, false)
}

// other does something that is no operation on a user's inbox.
func (c *caller) other(l *log, k int) {
	switch {
	case k < 77:
		c.follow(l)
	case k < 81:
		c.profile(l)
	case k < 83:
		c.presence(l)
	case k < 87:
		c.list(l)
	case k < 89:
		c.wish(l)
	case k < 90:
		c.preview(false)
	default:
		c.move()
	}
}

// some returns a message of the user's own, or one that was broadcast to all.
func (c *caller) some(l *log) (ackedMessage, bool) {
	if c.rng.IntN(4) == 0 {
		if id, ok := c.air.some(c.rng.IntN); ok {
			return ackedMessage{l.number(id), id}, true
		}
	}
	return l.some(c.rng.IntN)
}

// publish publishes until it is acknowledged, or once.
func (c *caller) publish(l *log, once bool) {
	c.keys++
	text := fmt.Sprintf("message %d of caller %d", c.keys, c.number)
	about := c.label("c")
	op := judge.Op{Caller: c.number, Kind: judge.Publish, Message: l.message(text, about), Label: about, Return: judge.Unanswered}
	c.do(l, op, "/v1/users/"+l.h.User+"/messages", fmt.Sprintf(`{"body":%q%s}`, text, members(about)), once && about.Expires == 0)
}

// answer is what the API says to an operation.
type answer struct {
	ID string `json:"id"`

	Outcome string         `json:"outcome"` // of a publish
	Reason  string         `json:"reason"`  // likewise: the rule that has stopped it
	Rev     uint64         `json:"rev"`
	Counts  *screen.Counts `json:"counts"`
	Unread  int            `json:"unread"` // of GET /counts
	Unseen  int            `json:"unseen"`

	ByCategory map[string]int `json:"by_category"`
	ByTenant   map[string]int `json:"by_tenant"`

	Unknown    []string          `json:"unknown"`    // messages that are not there
	Attributes map[string]string `json:"attributes"` // of GET /v1/users/{user}
	Tags       []string          `json:"tags"`
	Online     *bool             `json:"online"` // of GET …/presence

	Hash   string   `json:"hash"`   // of a campaign
	Status int      `json:"status"` // of a line of a list
	Code   string   `json:"code"`
	More   bool     `json:"more"`  // a list is not empty yet
	Count  int      `json:"count"` // of a preview
	Users  []string `json:"users"`
	preferences
}

func tally(n screen.Counts) judge.Tally {
	return judge.Tally{Rev: n.Rev, Unread: n.Unread, Unseen: n.Unseen, Labels: judge.LabelsOf(n.ByCategory, n.ByTenant, n.ByTenant != nil)}
}

// do does an operation on a user, and records it.
func (c *caller) do(l *log, op judge.Op, path, body string, once bool) {
	method := http.MethodPost
	if op.Kind == judge.Counts {
		method = http.MethodGet
	}
	r := c.insist(op.Kind.String()+" of "+l.h.User, request{method, path, body}, once)
	op.Call, op.Return, op.Answered, op.Repeated = r.call, r.back, r.answered, r.repeated
	switch {
	case r.missing && r.tries > 0: // the message may have left after an earlier try
		unsure := op
		unsure.Return, unsure.Answered = judge.Unanswered, false
		l.add(unsure)
		op.Missing = true
	case r.missing, len(r.Unknown) > 0:
		op.Missing = true
	case r.Outcome == "filtered" && op.Label.Expires != 0: // it had expired when the user decided
		op.Stopped = true
	case r.refused, op.Kind == judge.Counts && !r.answered:
		return
	}
	op.ID, op.Rev = r.ID, r.Rev
	if op.Kind == judge.Counts {
		op.Tally = tally(screen.Counts{Rev: r.Rev, Unread: r.Unread, Unseen: r.Unseen, ByCategory: r.ByCategory, ByTenant: r.ByTenant})
	} else if r.Counts != nil {
		op.Tally = tally(*r.Counts)
	}
	l.add(op)
}

// A request is what a server is asked. What is no GET has a key of its own.
type request struct{ method, path, body string }

// A reply is what came of a request in the end.
type reply struct {
	answer
	call, back time.Duration // back: Unanswered, if nothing came
	tries      int           // in vain, before
	answered   bool
	repeated   bool
	missing    bool // answered: there is no such message
	refused    bool // an answer that is a fault, or that something was lost
}

// insist asks one server after the other until one answers; once: or just one of them.
func (c *caller) insist(what string, q request, once bool) (r reply) {
	c.keys++
	key := fmt.Sprintf("c%d-%d", c.number, c.keys)
	r.call, r.back = time.Since(c.began), judge.Unanswered
	var last error
	for ; ; r.tries++ {
		if q.method == http.MethodGet {
			r.call = time.Since(c.began) // those before it have done nothing
		}
		r.answer, r.repeated, last = c.ask(c.world.any(c.rng), q, key)
		var final *refusal
		if last == nil || errors.As(last, &final) && !final.temporary() {
			r.back, r.answered = time.Since(c.began), last == nil
			c.slowest = max(c.slowest, r.back-r.call)
		}
		switch {
		case last == nil:
			c.done++
			return r
		case final != nil && final.status == http.StatusNotFound && c.world.cfg.Mode != Lost:
			r.answered, r.missing = true, true
			return r
		case final != nil && !final.temporary():
			if r.refused = true; c.world.cfg.Mode != Lost || final.status != http.StatusNotFound { // else what it is about was lost
				c.faults = append(c.faults, fmt.Errorf("caller %d: %s: %w", c.number, what, last))
			}
			return r
		case once:
			return r
		case time.Since(c.began)-r.call > giveUp:
			c.faults = append(c.faults, fmt.Errorf("caller %d: %s has no answer after %v: %w", c.number, what, giveUp, last))
			return r
		}
		time.Sleep(time.Duration(5+c.rng.IntN(20)) * time.Millisecond)
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

// temporary tells whether another server, or the same one later, may do it.
func (r *refusal) temporary() bool { return r.status == http.StatusServiceUnavailable }

// ask asks one server once.
func (c *caller) ask(server int, q request, key string) (a answer, repeated bool, err error) {
	req, err := http.NewRequest(q.method, c.world.url(server)+q.path, strings.NewReader(q.body))
	if err != nil {
		return a, false, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if q.method != http.MethodGet {
		req.Header.Set("Idempotency-Key", key)
	}
	if q.body != "" {
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
	if a.Status >= 300 { // a line of its own
		c.codes[a.Code]++
		return a, false, &refusal{status: a.Status, code: a.Code, text: string(raw)}
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
	switch out := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*out = raw
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
	air        *air
	importer   *importer           // nil: nothing is imported
	planner    *planner            // nil: nothing is planned
	members    map[string][]string // of the lists, at the end
	calling    sync.WaitGroup
	watching   sync.WaitGroup
	stop, over chan struct{}
	began      time.Time
}

func (c *crowd) answered() (n int, slowest time.Duration) {
	for _, o := range c.callers {
		n += o.done
		slowest = max(slowest, o.slowest)
	}
	return n, slowest
}
