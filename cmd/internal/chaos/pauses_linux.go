package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"reddot/cmd/internal/chaos/judge"
)

// How long users may be away: the 95th of 100.
const (
	killPause   = 2 * time.Second
	freezePause = 6 * time.Second
)

// A prober publishes to one user again and again, by whichever server answers,
// and keeps the longest time between two answers.
type prober struct {
	user    string
	world   *world
	client  *http.Client
	last    atomic.Int64 // when the last answered publish began, of the process's clock
	longest atomic.Int64 // between two answers, since reset
}

// probeTime is how long a prober waits for a server before it asks another one.
const probeTime = 500 * time.Millisecond

func (p *prober) probe(began time.Time, rng *rand.Rand, stop <-chan struct{}, avoid *atomic.Int64) {
	c := &caller{world: p.world, client: p.client, codes: make(map[string]int), rng: rng}
	for n := 0; ; n++ {
		key := fmt.Sprintf("%s-%d", p.user, n)
		for {
			select {
			case <-stop:
				return
			default:
			}
			server := p.world.any(rng)
			if int64(server) == avoid.Load() {
				continue // a proxy in front of the servers knows who is away
			}
			_, _, err := c.ask(server, request{http.MethodPost, "/v1/users/" + p.user + "/messages", `{"body":"x"}`}, key)
			if err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		now := int64(time.Since(began))
		if gap := now - p.last.Swap(now); gap > p.longest.Load() {
			p.longest.Store(gap)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// pauses kills and freezes servers, and measures for how long the worst of the
// users had no answer.
func pauses(ctx context.Context, w *world) error {
	began := time.Now()
	stop := make(chan struct{})
	var avoid atomic.Int64
	var probing sync.WaitGroup
	probers := make([]*prober, w.cfg.Users)
	for i := range probers {
		p := &prober{user: fmt.Sprintf("probe-%d", i), world: w, client: &http.Client{Timeout: probeTime, Transport: &http.Transport{MaxIdleConnsPerHost: 2, TLSClientConfig: trusting}}}
		probers[i] = p
		probing.Go(func() { p.probe(began, rand.New(rand.NewPCG(w.cfg.Seed, uint64(i))), stop, &avoid) })
	}
	defer probing.Wait()
	defer close(stop)
	rng := rand.New(rand.NewPCG(w.cfg.Seed, 99))
	var errs []error
	for _, kind := range []struct {
		name string
		most time.Duration
		do   func(v int)
		undo func(v int) error
	}{
		{"kill", killPause, w.kill, w.start},
		{"freeze", freezePause, w.freeze, func(v int) error { w.unfreeze(v); return nil }},
		{"freeze in an append", freezePause, w.freezeInAppend, func(v int) error { w.unfreeze(v); return nil }},
	} {
		var list []time.Duration
		for round := range w.cfg.Rounds {
			if err := w.settle(ctx); err != nil {
				return errors.Join(append(errs, err)...)
			}
			time.Sleep(300 * time.Millisecond) // users come to where they belong
			for _, p := range probers {
				p.longest.Store(0)
			}
			v := w.any(rng)
			avoid.Store(int64(v))
			kind.do(v)
			answeredAgain(probers, began, kind.most+4*time.Second)
			worst := int64(0)
			for _, p := range probers {
				worst = max(worst, p.longest.Load(), int64(time.Since(began))-p.last.Load())
			}
			list = append(list, time.Duration(worst))
			w.say("%s %d of server %d: the longest pause of %d users is %v", kind.name, round+1, v, len(probers), time.Duration(worst).Round(time.Millisecond))
			if err := kind.undo(v); err != nil {
				return err
			}
			time.Sleep(time.Second) // it learns that it is out
			avoid.Store(0)
		}
		slices.Sort(list)
		p95 := list[(len(list)*95+99)/100-1]
		w.say("%s: p50 %v, p95 %v, the longest %v, of %d", kind.name, list[len(list)/2].Round(time.Millisecond), p95.Round(time.Millisecond), list[len(list)-1].Round(time.Millisecond), len(list))
		if p95 > kind.most {
			errs = append(errs, fmt.Errorf("%s: p95 is %v, more than %v", kind.name, p95, kind.most))
		}
	}
	return errors.Join(errs...)
}

// answeredAgain waits until all have had an answer some time after now, or for
// as long as is given.
func answeredAgain(probers []*prober, began time.Time, most time.Duration) {
	// What was under way may be answered yet.
	const slack = 500 * time.Millisecond
	after := time.Since(began) + slack
	for late := time.Now().Add(most); time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
		if !slices.ContainsFunc(probers, func(p *prober) bool { return p.last.Load() < int64(after) }) {
			return
		}
	}
}

// freezeInAppend freezes a server while the database's answers to it are held
// back: as it is under load, an append is under way.
func (w *world) freezeInAppend(v int) {
	back := &w.relay.conditions[database][v]
	back.stalled.Store(true)
	time.Sleep(50 * time.Millisecond)
	w.freeze(v)
	back.stalled.Store(false)
}

// runCalm has full load on all servers and no fault.
func runCalm(ctx context.Context, w *world, began time.Time) error {
	users := make([]*log, w.cfg.Users)
	for i := range users {
		users[i] = &log{h: judge.UserHistory{User: fmt.Sprintf("calm-%d", i)}}
	}
	stop := make(chan struct{})
	var calling sync.WaitGroup
	var callers []*caller
	for i := range w.cfg.Callers {
		c := newCaller(w, i, users, &air{}, began, 0)
		callers = append(callers, c)
		calling.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c.publish(users[c.rng.IntN(len(users))], false)
			}
		})
	}
	select {
	case <-time.After(w.cfg.For):
	case <-ctx.Done():
	}
	close(stop)
	calling.Wait()
	errs := []error{w.settle(ctx)}
	done, refused, slowest := 0, 0, time.Duration(0)
	for _, c := range callers {
		done += c.done
		for _, n := range c.codes {
			refused += n
		}
		slowest = max(slowest, c.slowest)
		errs = append(errs, c.faults...)
	}
	w.say("%d publishes, %.0f a second, the slowest after %v, %d refused", done, float64(done)/w.cfg.For.Seconds(), slowest.Round(time.Millisecond), refused)
	errs = append(errs, w.falselyFenced())
	return errors.Join(append(errs, w.stop())...)
}

// falselyFenced says which server was taken for dead, or ended.
func (w *world) falselyFenced() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, s := range w.servers {
		if s == nil {
			continue
		}
		if s.life > 1 {
			errs = append(errs, fmt.Errorf("server %d has ended %d times", s.number, s.life-1))
		}
		text, err := os.ReadFile(s.log.Name())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, line := range strings.Split(string(text), "\n") {
			for _, bad := range []string{"is taken for dead", "cut off:", "fenced out", "it was silent for", "stood still"} {
				if strings.Contains(line, bad) {
					errs = append(errs, fmt.Errorf("server %d: %s", s.number, line))
				}
			}
		}
	}
	return errors.Join(errs...)
}
