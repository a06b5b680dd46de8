package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"reddot/cmd/internal/load/floor"
	"reddot/cmd/internal/load/report"
)

// TestMain plays the floor when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve-floor" {
		if err := ServeFloor(context.Background(), os.Stdout, os.Stdin); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// short returns a Config for a short run against the server.
func short(url string) Config {
	return Config{
		URLs: []string{url}, Users: 20, Publishers: 4, Duration: 300 * time.Millisecond, WarmUp: 50 * time.Millisecond,
		Drain: 500 * time.Millisecond, PollEvery: 20 * time.Millisecond, InboxLimit: 1 << 20, BodySize: 64,
	}
}

func run(t *testing.T, cfg Config) report.Result {
	t.Helper()
	var out, progress bytes.Buffer
	all, err := Run(t.Context(), cfg, &out, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	t.Logf("%s%s", progress.String(), out.String())
	return all.Results[len(all.Results)-1]
}

// sound fails the test if the run saw a fault or did nothing.
func sound(t *testing.T, r report.Result) {
	t.Helper()
	if n := r.Faults(); n > 0 || len(r.Errors) > 0 || r.Accepted == 0 || r.Accepted != r.Sent {
		t.Errorf("got %d faults, errors %v, %d of %d accepted; want none, none, all", n, r.Errors, r.Accepted, r.Sent)
	}
}

func TestUnicastOverEveryTransport(t *testing.T) {
	for _, transport := range []Transport{Poll, LongPoll, Iframe, SSE, WS, MQTT} {
		t.Run(string(transport), func(t *testing.T) {
			s := newStandIn(t, "")
			cfg := short(s.url)
			cfg.Transport, cfg.Connections, cfg.Broker = transport, 2, s.serveMQTT(t)
			r := run(t, cfg)
			sound(t, r)
			if r.Delivered != 2*r.Accepted || r.Delivery.Count == 0 {
				t.Errorf("got %d delivered, %d measured; want %d, some", r.Delivered, r.Delivery.Count, 2*r.Accepted)
			}
		})
	}
}

func TestVariants(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"two workers":       func(c *Config) { c.Workers = 2 },
		"open loop":         func(c *Config) { c.Rate = 2000 },
		"sources":           func(c *Config) { c.Sources = []string{"127.0.0.2", "127.0.0.3"} },
		"unicast in batch":  func(c *Config) { c.Batch = 10 },
		"durable":           func(c *Config) { c.Scenario = "durable" },
		"durable in batch":  func(c *Config) { c.Scenario, c.Batch = "durable", 50 },
		"batch, open loop":  func(c *Config) { c.Scenario, c.Batch, c.Rate = "durable", 10, 5000 },
		"broadcast":         func(c *Config) { c.Scenario, c.Window = "broadcast", 3 },
		"broadcast, two":    func(c *Config) { c.Scenario, c.Workers = "broadcast", 2 },
		"broadcast to user": func(c *Config) { c.Scenario, c.Audience, c.Users, c.Connections = "broadcast", AudienceUser, 1, 20 },
		"storm":             func(c *Config) { c.Scenario, c.Connections = "storm", 2 },
		"storm by ws":       func(c *Config) { c.Scenario, c.Transport, c.Batch = "storm", WS, 7 },
		"storm by longpoll": func(c *Config) { c.Scenario, c.Transport, c.Workers = "storm", LongPoll, 2 },
		"slow":              func(c *Config) { c.Scenario, c.SlowBytes, c.BodySize, c.PIDs = "slow", 1<<20, 4096, []int{os.Getpid()} },
		"mixed":             func(c *Config) { c.Scenario, c.Connections = "mixed", 2 },
		"mixed by ws":       func(c *Config) { c.Scenario, c.Transport, c.Workers = "mixed", WS, 2 },
		"broadcast, stored": func(c *Config) { c.Scenario, c.Stored, c.Runs = "broadcast", 700, 2 },
		"broadcast, singles": func(c *Config) {
			c.Scenario, c.Stored, c.Singles, c.Workers = "broadcast", 10, 500, 2
		},
		"broadcast, followers": func(c *Config) { c.Scenario, c.Audience, c.Stored = "broadcast", AudienceFollowers, 10 },
		"broadcast, segment":   func(c *Config) { c.Scenario, c.Audience, c.Workers = "broadcast", AudienceSegment, 2 },
		"broadcast, topic":     func(c *Config) { c.Scenario, c.Audience = "broadcast", AudienceTopic },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := short(newStandIn(t, "").url)
			change(&cfg)
			sound(t, run(t, cfg))
		})
	}
}

func TestUsersWithHistory(t *testing.T) {
	cfg := short(newStandIn(t, "").url)
	cfg.Prefix = "same-"
	sound(t, run(t, cfg))
	sound(t, run(t, cfg))
}

// TestFindsFaults shows that no fault of a server passes.
func TestFindsFaults(t *testing.T) {
	for _, x := range []struct {
		fault string
		count func(report.Result) uint64
	}{
		{"loses", func(r report.Result) uint64 { return r.Lost }},
		{"forgets", func(r report.Result) uint64 { return r.Lost }},
		{"doubles", func(r report.Result) uint64 { return r.Doubled }},
		{"wrong count", func(r report.Result) uint64 { return r.Wrong }},
		{"swaps", func(r report.Result) uint64 { return r.Wrong }},
	} {
		transports := []Transport{SSE, WS, MQTT}
		if x.fault != "loses" && x.fault != "doubles" && x.fault != "swaps" {
			// The stand-in's long poll reads the history, which has no such fault.
			transports = append(transports, LongPoll)
		}
		for _, transport := range transports {
			t.Run(x.fault+" by "+string(transport), func(t *testing.T) {
				s := newStandIn(t, x.fault)
				cfg := short(s.url)
				cfg.Transport, cfg.Broker = transport, s.serveMQTT(t)
				r := run(t, cfg)
				if x.count(r) == 0 {
					t.Errorf("got %d lost, %d doubled, %d out of order, %d wrong; want %s", r.Lost, r.Doubled, r.Disordered, r.Wrong, x.fault)
				}
				all := report.Report{Results: []report.Result{r}}
				if !errors.Is(all.Err(), report.ErrFaults) {
					t.Errorf("got %v, want ErrFaults", all.Err())
				}
			})
		}
	}
}

// TestFindsBroadcastFaults shows that no fault of a broadcast passes.
func TestFindsBroadcastFaults(t *testing.T) {
	for fault, count := range map[string]func(report.Result) uint64{
		"forgets who is away": func(r report.Result) uint64 { return r.Wrong },
		"one cursor":          func(r report.Result) uint64 { return r.Wrong },
		"other order":         func(r report.Result) uint64 { return r.Disordered },
	} {
		t.Run(fault, func(t *testing.T) {
			cfg := short(newStandIn(t, fault).url)
			cfg.Scenario, cfg.Stored, cfg.Window = "broadcast", 20, 4
			if r := run(t, cfg); count(r) == 0 {
				t.Errorf("got %d lost, %d out of order, %d wrong; want %s", r.Lost, r.Disordered, r.Wrong, fault)
			}
		})
	}
}

// TestComesBack: a server may end connections, as long as they can go on from
// their cursor.
func TestComesBack(t *testing.T) {
	for _, transport := range []Transport{Iframe, SSE, WS} {
		t.Run(string(transport), func(t *testing.T) {
			cfg := short(newStandIn(t, "drops").url)
			cfg.Transport, cfg.Rate = transport, 1000
			r := run(t, cfg)
			if r.Faults() > 0 || r.Reconnects == 0 || r.Delivered != r.Accepted {
				t.Errorf("got %d faults, %d reconnects, %d of %d delivered", r.Faults(), r.Reconnects, r.Delivered, r.Accepted)
			}
		})
	}
}

// TestTLS also covers the poller of systems without epoll.
func TestTLS(t *testing.T) {
	for _, transport := range []Transport{LongPoll, SSE, WS} {
		t.Run(string(transport), func(t *testing.T) {
			cfg := short(newStandIn(t, "tls").url)
			cfg.Transport, cfg.Insecure = transport, true
			sound(t, run(t, cfg))
		})
	}
}

// TestOpenLoopCountsWaiting: what a server keeps waiting counts, although no
// publisher was free to send it.
func TestOpenLoopCountsWaiting(t *testing.T) {
	cfg := short(newStandIn(t, "stalls").url)
	cfg.Rate, cfg.Publishers, cfg.WarmUp = 500, 1, -1
	r := run(t, cfg)
	sound(t, r)
	if r.Answer.P90 < 20_000 {
		t.Errorf("got %.0f µs for nine of ten from a server that stands still for 100 ms in 300, with one publisher", r.Answer.P90)
	}
}

func TestStalledServer(t *testing.T) {
	cfg := short(newStandIn(t, "mute").url)
	cfg.Timeout = 100 * time.Millisecond
	if _, err := Run(t.Context(), cfg, io.Discard, io.Discard); !errors.Is(err, ErrStalled) {
		t.Errorf("got %v, want ErrStalled", err)
	}
	if _, err := Run(t.Context(), Config{URLs: []string{"http://127.0.0.1:1"}}, io.Discard, io.Discard); err == nil {
		t.Error("got no error where nobody listens")
	}
}

func TestRefusals(t *testing.T) {
	r := run(t, short(newStandIn(t, "busy").url))
	if r.Errors["status 503 busy"] == 0 || r.Accepted != 0 || r.Faults() != 0 {
		t.Errorf("got %v, %d accepted, %d faults; want busy, none, none", r.Errors, r.Accepted, r.Faults())
	}
	all := report.Report{Results: []report.Result{r}}
	if !errors.Is(all.Err(), report.ErrFaults) {
		t.Error("got no error where nothing was accepted")
	}
}

// TestIdleOverMQTT: clients say that they are alive, each in its turn.
func TestIdleOverMQTT(t *testing.T) {
	s := newStandIn(t, "")
	cfg := short(s.url)
	cfg.Scenario, cfg.Transport, cfg.Broker, cfg.PingEvery = "idle", MQTT, s.serveMQTT(t), 40*time.Millisecond
	r := run(t, cfg)
	if r.Faults() > 0 || r.Beats < 60 || r.Beats > 220 {
		t.Errorf("got %d faults, %d answers to the pings of 20 clients in 0.35 s, one each 40 ms", r.Faults(), r.Beats)
	}
}

func TestIdle(t *testing.T) {
	cfg := short(newStandIn(t, "").url)
	cfg.Scenario, cfg.PIDs = "idle", []int{os.Getpid()}
	r := run(t, cfg)
	if r.Faults() > 0 || r.Beats == 0 {
		t.Errorf("got %d faults, %d heartbeats", r.Faults(), r.Beats)
	}
	if _, err := os.Stat("/proc/self/stat"); err == nil && r.RSSConnected == 0 {
		t.Error("got no memory of the process")
	}
}

func TestFloor(t *testing.T) {
	if err := floor.Serve(t.Context(), io.Discard, strings.NewReader("")); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	for name, change := range map[string]func(*Config){
		"unicast":   func(*Config) {},
		"batch":     func(c *Config) { c.Batch = 5 },
		"durable":   func(c *Config) { c.Scenario = "durable" },
		"broadcast": func(c *Config) { c.Scenario = "broadcast" },
		"idle":      func(c *Config) { c.Scenario = "idle" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := short(newStandIn(t, "").url)
			cfg.Floor, cfg.FloorCommand, cfg.Runs = true, []string{os.Args[0], "serve-floor"}, 2
			change(&cfg)
			var out bytes.Buffer
			all, err := Run(t.Context(), cfg, &out, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(out.String())
			if len(all.Results) != 4 || all.Results[0].System != "floor" || all.Results[3].System != "server" {
				t.Fatalf("got %d results, want floor and server in turn, twice", len(all.Results))
			}
			for _, r := range all.Results {
				if name != "idle" {
					sound(t, r)
				}
				if r.System == "floor" && r.RSSBefore == 0 {
					t.Error("the floor's process was not measured")
				}
			}
			if !strings.Contains(out.String(), "medians of 2 runs") {
				t.Error("got no summary")
			}
		})
	}
}

func TestJSON(t *testing.T) {
	cfg := short(newStandIn(t, "").url)
	cfg.JSON, cfg.Runs = true, 2
	var out bytes.Buffer
	if _, err := Run(t.Context(), cfg, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("got %d lines, want 2", len(lines))
	}
	var r report.Result
	if err := json.Unmarshal([]byte(lines[1]), &r); err != nil || r.Run != 2 || r.Answer.P99 == 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cfg := short(newStandIn(t, "").url)
	cfg.Duration = time.Minute
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := Run(ctx, cfg, io.Discard, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

func TestConfig(t *testing.T) {
	ok := func() Config { return Config{URLs: []string{"http://127.0.0.1:1"}} }
	for field, change := range map[string]func(*Config){
		"Scenario":    func(c *Config) { c.Scenario = "x" },
		"URLs":        func(c *Config) { c.URLs = []string{"ftp://x"} },
		"Transport":   func(c *Config) { c.Transport = "x" },
		"Users":       func(c *Config) { c.Users = -1 },
		"Publishers":  func(c *Config) { c.Publishers = 20_000 },
		"BodySize":    func(c *Config) { c.BodySize = 8 },
		"Batch":       func(c *Config) { c.Batch = -1 },
		"Window":      func(c *Config) { c.Window = windowSlots },
		"Missed":      func(c *Config) { c.Missed = -1 },
		"Slow":        func(c *Config) { c.Slow = 2000 },
		"SlowBytes":   func(c *Config) { c.SlowBytes = 1 },
		"Connecting":  func(c *Config) { c.Connecting = -1 },
		"InboxLimit":  func(c *Config) { c.InboxLimit = -1 },
		"Workers":     func(c *Config) { c.Workers = 40 },
		"PIDs":        func(c *Config) { c.PIDs = []int{1, -1} },
		"Runs":        func(c *Config) { c.Runs = -1 },
		"Duration":    func(c *Config) { c.Duration = -1 },
		"PollWait":    func(c *Config) { c.PollWait = time.Hour },
		"Rate":        func(c *Config) { c.Rate = -1 },
		"Prefix":      func(c *Config) { c.Prefix = strings.Repeat("x", 101) },
		"Sources":     func(c *Config) { c.Sources = []string{"x"} },
		"Floor":       func(c *Config) { c.Floor, c.Transport = true, WS },
		"Connections": func(c *Config) { c.Connections = 1_000_000 },
		"Broker":      func(c *Config) { c.Transport, c.Broker = MQTT, "http://x" },
		"QoS":         func(c *Config) { c.QoS = 2 },
		"PingEvery":   func(c *Config) { c.PingEvery = -1 },
		"Audience":    func(c *Config) { c.Scenario, c.Audience = "broadcast", "x" },
		"Stored":      func(c *Config) { c.Stored = -1 },
		"Woken":       func(c *Config) { c.Stored, c.Woken = 5, 6 },
		"Singles":     func(c *Config) { c.Scenario, c.Singles = "broadcast", -1 },
	} {
		c := ok()
		change(&c)
		c.fill()
		if err := c.check(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s: got %v", field, err)
		}
	}
	c := ok()
	c.fill()
	if err := c.check(); err != nil {
		t.Errorf("defaults: got %v", err)
	}
}
