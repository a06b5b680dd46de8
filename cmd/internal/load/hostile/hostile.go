package hostile

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"reddot/cmd/internal/load/http1"
	"reddot/cmd/internal/load/mqtt"
	"reddot/cmd/internal/load/report"
)

// Config is how a hostile neighbor is told from the others.
type Config struct {
	URL      string        // of the server
	Broker   string        // of the server, for MQTT: mqtt://host:port; "": no attack by MQTT
	Insecure bool          // accept any certificate of an https server
	Attacker string        // the token of the user who does the worst, from the address 127.0.0.2
	Others   []string      // the tokens of those who work, from 127.0.0.3 on
	Duration time.Duration // of the attack; 0: 5 min
	PIDs     []int         // of the server, if it runs here: its memory is measured
	Memory   int64         // bytes by which it may grow; 0: 256 MiB
	Slower   float64       // by how much the others' p99 may be longer than before; 0: 2
}

// A Report is what a hostile neighbor did to the others.
type Report struct {
	Before  report.Quantiles `json:"before"` // how long the others waited
	Under   report.Quantiles `json:"under"`
	Refused []string         `json:"refused"` // to the others, each kind once
	Grown   int64            `json:"grown"`   // bytes of memory, at most; 0: not measured
	Attacks map[string]int64 `json:"attacks"` // how often each was made
}

// goodP99 is a p99 that is good in any case: below it the machine's
// scheduling is measured, not the server.
const goodP99 = 20e3 // microseconds

// neighbor is a hostile neighbor at work.
type neighbor struct {
	cfg     Config
	addr    string
	user    string      // the attacker's
	broker  string      // where the server takes MQTT; "": nowhere
	secure  *tls.Config // nil: plain HTTP
	mu      sync.Mutex
	attacks map[string]*atomic.Int64
	refused map[string]bool
}

// Run lets one address and one user with a plain token do their worst all at
// once, while others work. The error says which promise was broken; the report is
// there in any case.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	h, err := newNeighbor(&cfg)
	if err != nil {
		return nil, fmt.Errorf("hostile: %w", err)
	}
	r := &Report{Attacks: map[string]int64{}}
	if r.Before, err = h.work(ctx, min(cfg.Duration/4, 20*time.Second)); err != nil {
		return nil, err
	}
	before, err := report.ReadProcesses(cfg.PIDs)
	if err != nil {
		return nil, err
	}
	attack, stop := context.WithTimeout(ctx, cfg.Duration)
	defer stop()
	var all sync.WaitGroup
	h.begin(attack, &all)
	all.Go(func() { r.Grown = h.watch(attack, before.RSS) })
	r.Under, err = h.work(attack, cfg.Duration)
	stop()
	all.Wait()
	for name, n := range h.attacks {
		r.Attacks[name] = n.Load()
	}
	r.Refused = slices.Sorted(maps.Keys(h.refused))
	return r, errors.Join(err, r.check(&cfg))
}

func newNeighbor(cfg *Config) (*neighbor, error) {
	if len(cfg.Others) == 0 || cfg.Attacker == "" {
		return nil, errors.New("the token of an attacker and those of others are needed")
	}
	t, err := http1.ParseTarget(cfg.URL)
	if err != nil {
		return nil, err
	}
	cfg.Duration = cmp.Or(cfg.Duration, 5*time.Minute)
	cfg.Memory, cfg.Slower = cmp.Or(cfg.Memory, 256<<20), cmp.Or(cfg.Slower, 2)
	h := &neighbor{cfg: *cfg, addr: t.Addr, attacks: map[string]*atomic.Int64{}, refused: map[string]bool{}}
	if t.TLS {
		h.secure = &tls.Config{InsecureSkipVerify: cfg.Insecure} //nolint:gosec // G402: asked for by name
		if h.secure.ServerName, _, err = net.SplitHostPort(t.Addr); err != nil {
			return nil, err
		}
	}
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(cfg.Attacker, &claims); err != nil {
		return nil, fmt.Errorf("the attacker's token: %w", err)
	}
	h.user = claims.Subject
	if cfg.Broker != "" {
		if h.broker, err = mqtt.Address(cfg.Broker); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// check returns which promise was broken.
func (r *Report) check(cfg *Config) error {
	var errs []error
	if len(r.Refused) > 0 {
		errs = append(errs, fmt.Errorf("others were refused: %s", strings.Join(r.Refused, "; ")))
	}
	if r.Grown > cfg.Memory {
		errs = append(errs, fmt.Errorf("the server grew by %d bytes, above %d", r.Grown, cfg.Memory))
	}
	if most := max(r.Before.P99*cfg.Slower, goodP99); r.Under.P99 > most {
		errs = append(errs, fmt.Errorf("the others' p99 was %.1f ms, above %.1f ms", r.Under.P99/1e3, most/1e3))
	}
	return errors.Join(errs...)
}

// watch returns by how much the server's memory grew at most.
func (h *neighbor) watch(ctx context.Context, before int64) (most int64) {
	for len(h.cfg.PIDs) > 0 && pause(ctx, 200*time.Millisecond) {
		if now, err := report.ReadProcesses(h.cfg.PIDs); err == nil {
			most = max(most, now.RSS-before)
		}
	}
	return most
}

// pause waits, and tells whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// work lets the others work for a while, each from its own address.
func (h *neighbor) work(ctx context.Context, d time.Duration) (report.Quantiles, error) {
	ctx, stop := context.WithTimeout(ctx, d)
	defer stop()
	sum := report.NewLatencies()
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, token := range h.cfg.Others {
		all.Go(func() {
			own := report.NewLatencies()
			client := h.client(fmt.Sprintf("127.0.0.%d", 3+i%200))
			defer client.CloseIdleConnections()
			for n := 0; pause(ctx, 20*time.Millisecond); n++ {
				path := "/v1/users/me/counts"
				if n%2 == 1 {
					path = "/v1/users/me/messages?limit=20"
				}
				began := time.Now()
				if why := ask(ctx, client, h.cfg.URL+path, token); why != "" && ctx.Err() == nil {
					h.mu.Lock()
					h.refused[why] = true
					h.mu.Unlock()
				}
				own.Record(int64(time.Since(began)))
			}
			mu.Lock()
			defer mu.Unlock()
			sum.Add(own)
		})
	}
	all.Wait()
	q := sum.Quantiles()
	if q.Count == 0 {
		return q, errors.New("hostile: the others had no time to work")
	}
	return q, nil
}

// client returns one whose connections come from an address.
func (h *neighbor) client(address string) *http.Client {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: d.DialContext, TLSClientConfig: h.secure}}
}

// ask makes a request, and says what is wrong with the answer; "": nothing.
func ask(ctx context.Context, c *http.Client, url, token string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := c.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err.Error()
	}
	if res.StatusCode >= http.StatusBadRequest {
		return res.Status
	}
	return ""
}
