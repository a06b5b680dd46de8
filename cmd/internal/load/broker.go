package load

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"reddot/cmd/internal/load/mqtt"
	"reddot/cmd/internal/load/report"
)

// speaksHTTP tells whether the server's HTTP API is needed.
func (c *Config) speaksHTTP() bool {
	return !c.Topics || c.Transport != MQTT || c.PublishBy == "http" && c.Scenario != "idle"
}

// onePerUser tells whether each user has a topic of its own.
func (c *Config) onePerUser() bool { return c.Topics && c.Scenario != "broadcast" }

// ordered tells whether a topic's messages come by one connection.
func (c *Config) ordered() bool {
	return c.onePerUser() || c.Topics && c.PublishBy == "mqtt" && c.QoS == 0
}

// checkMQTT tells what makes no sense about MQTT and topics.
func (c *Config) checkMQTT(s scenario) (field, msg string) {
	if c.Transport == MQTT || c.PublishBy == "mqtt" {
		if _, err := mqtt.Address(c.Broker); err != nil {
			return "Broker", err.Error()
		}
	}
	if c.Rival != "" {
		if _, err := mqtt.Address(c.Rival); err != nil {
			return "Rival", err.Error()
		}
	}
	switch {
	case c.Transport == MQTT && s.cursor:
		return "Transport", "in " + c.Scenario + " connections go on from their cursors, which MQTT's do not"
	case c.Topics && !slices.Contains([]string{"idle", "unicast", "broadcast"}, c.Scenario):
		return "Topics", "in idle, unicast and broadcast only"
	case c.Topics && !slices.Contains([]Transport{SSE, WS, MQTT}, c.Transport):
		return "Transport", "a live topic comes by sse, ws and mqtt"
	case c.Topics && c.Batch > 0:
		return "Batch", "topics are published to one by one"
	case c.Topics && c.Scenario == "unicast" && c.Users < c.Publishers:
		return "Publishers", "more than users: each publishes to topics of its own, so that their order is known"
	case c.PublishBy != "http" && c.PublishBy != "mqtt":
		return "PublishBy", fmt.Sprintf("%q is neither http nor mqtt", c.PublishBy)
	case c.PublishBy == "mqtt" && !c.Topics:
		return "PublishBy", "an inbox gets its messages by HTTP"
	case c.Rival != "" && c.speaksHTTP():
		return "Rival", "a broker has topics alone, published to by MQTT"
	case c.PingEvery > 13*time.Hour: // the keep alive of MQTT has two bytes, in seconds
		return "PingEvery", fmt.Sprintf("%v is more than 13 hours", c.PingEvery)
	}
	return "", ""
}

// runRival measures the other broker once.
func runRival(ctx context.Context, cfg Config, progress io.Writer) (report.Result, error) {
	cfg.Broker, cfg.PIDs = cfg.Rival, cfg.RivalPIDs
	b, err := newBench(cfg, "rival", progress)
	if err != nil {
		return report.Result{}, err
	}
	return b.measure(ctx)
}
