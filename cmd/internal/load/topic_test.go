package load

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"reddot/cmd/internal/load/report"
)

// TestTopics publishes to live topics in every way, to a server and to a bare
// broker.
func TestTopics(t *testing.T) {
	bare := func(c *Config) { c.URLs, c.Transport = nil, MQTT }
	for name, change := range map[string]func(*Config){
		"unicast, QoS 0":       bare,
		"unicast, QoS 1":       func(c *Config) { bare(c); c.QoS = 1 },
		"two workers":          func(c *Config) { bare(c); c.Workers = 2 },
		"open loop":            func(c *Config) { bare(c); c.Rate = 2000 },
		"three subscribers":    func(c *Config) { bare(c); c.Connections = 3 },
		"broadcast, QoS 0":     func(c *Config) { bare(c); c.Scenario, c.Window = "broadcast", 4 },
		"broadcast, QoS 1":     func(c *Config) { bare(c); c.Scenario, c.QoS, c.Window, c.Workers = "broadcast", 1, 4, 2 },
		"from HTTP to MQTT":    func(c *Config) { c.Transport, c.PublishBy = MQTT, "http" },
		"from HTTP to SSE":     func(c *Config) { c.Transport = SSE },
		"broadcast to streams": func(c *Config) { c.Scenario, c.Transport = "broadcast", WS },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStandIn(t, "")
			cfg := short(s.url)
			cfg.Broker, cfg.Topics = s.serveMQTT(t), true
			change(&cfg)
			r := run(t, cfg)
			sound(t, r)
			if want := r.Accepted * uint64(max(1, cfg.Connections)); cfg.Scenario != "broadcast" && (r.Delivered != want || r.Delivery.Count == 0) {
				t.Errorf("got %d delivered, %d measured; want %d, some", r.Delivered, r.Delivery.Count, want)
			}
			if cfg.QoS == 0 && cfg.PublishBy != "http" && cfg.Transport == MQTT && r.Answer.Count > 0 {
				t.Errorf("got %d answers to QoS 0", r.Answer.Count)
			}
		})
	}
}

// TestTopicFaults shows that no fault of a broker passes.
func TestTopicFaults(t *testing.T) {
	for fault, count := range map[string]func(report.Result) uint64{
		"loses":   func(r report.Result) uint64 { return r.Lost },
		"doubles": func(r report.Result) uint64 { return r.Doubled },
		"swaps":   func(r report.Result) uint64 { return r.Disordered },
	} {
		t.Run(fault, func(t *testing.T) {
			s := newStandIn(t, fault)
			cfg := short("")
			cfg.URLs, cfg.Transport, cfg.Broker, cfg.Topics, cfg.QoS = nil, MQTT, s.serveMQTT(t), true, 0
			cfg.Scenario, cfg.Window = "broadcast", 4
			if fault == "loses" {
				cfg.Timeout = time.Second // of a lost message, and of a connection's start
			}
			r := run(t, cfg)
			if count(r) == 0 {
				t.Errorf("got %d lost, %d doubled, %d out of order; want %s", r.Lost, r.Doubled, r.Disordered, fault)
			}
		})
	}
}

// TestRival measures another broker in turn.
func TestRival(t *testing.T) {
	cfg := short("")
	cfg.URLs, cfg.Transport, cfg.Topics, cfg.Runs = nil, MQTT, true, 2
	cfg.Broker, cfg.Rival = newStandIn(t, "").serveMQTT(t), newStandIn(t, "").serveMQTT(t)
	var out bytes.Buffer
	all, err := Run(t.Context(), cfg, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Results) != 4 || all.Results[0].System != "rival" || all.Results[3].System != "server" || !strings.Contains(out.String(), "rival  ratio") {
		t.Errorf("got %d results:\n%s", len(all.Results), out.String())
	}
}

func TestTopicConfig(t *testing.T) {
	for field, change := range map[string]func(*Config){
		"Broker":    func(c *Config) { c.Broker = "http://x" },
		"Rival":     func(c *Config) { c.Rival = "x" },
		"Topics":    func(c *Config) { c.Scenario = "durable" },
		"Transport": func(c *Config) { c.Transport = LongPoll },
		"Batch":     func(c *Config) { c.Batch = 5 },
		"PublishBy": func(c *Config) { c.PublishBy = "post" },
	} {
		c := Config{URLs: []string{"http://127.0.0.1:1"}, Transport: MQTT, Broker: "mqtt://127.0.0.1:1", Topics: true}
		change(&c)
		c.fill()
		if err := c.check(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
