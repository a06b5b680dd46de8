package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/cmd/internal/config"
	"reddot/transports"
	"reddot/transports/streams"
)

// What of the process's descriptors is no client's.
const (
	ownDescriptors      = 64 // links, listeners, the log, databases
	reservedDescriptors = 16 // requests of operators, when there are too many connections
)

// doorRetry is when to come back where there are too many connections.
const doorRetry = 10 * time.Second

// storeFiles returns how many files the embedded store may have open, of so many
// descriptors.
func storeFiles(wanted, descriptors int) int { return max(min(wanted, descriptors/4), 16) }

// mostConnections returns how many connections of clients there may be: as the
// configuration says, or what the descriptors leave.
func mostConnections(c *config.Config, descriptors int) int {
	if c.Limits.Door.All != 0 {
		return c.Limits.Door.All
	}
	return max(descriptors-storeFiles(c.Store.Embedded.MaxOpenFiles, descriptors)-ownDescriptors-reservedDescriptors, 16)
}

// openDoor makes what counts connections before anybody has said who calls.
func (a *App) openDoor(cfg *config.Config) error {
	proxies, err := cfg.Proxies()
	if err != nil {
		return err
	}
	conf, files := cfg.Limits.Door, a.forTests.descriptors
	if cfg.Dev {
		conf.PerAddress = -1
	}
	if files == 0 {
		files = descriptors()
	}
	conf.All, conf.Reserved, conf.Trusted = mostConnections(cfg, files), reservedDescriptors, proxies
	a.door = streams.NewDoor(conf, a.streams)
	return a.registry.Register(doorCollector{a.door})
}

// checkReserved answers a request on a reserved place only if it is an operator's.
func checkReserved(all, operations fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if !streams.IsReserved(ctx.Conn()) {
			all(ctx)
			return
		}
		ctx.SetConnectionClose()
		operations(ctx)
		if ctx.Response.StatusCode() == fasthttp.StatusNotFound {
			transports.WriteProblem(ctx, &actors.Error{Code: actors.Unavailable, Detail: "this server has as many connections as it may have", RetryAfter: doorRetry})
		}
	}
}

// doorCollector tells of connections of which nothing is known yet.
type doorCollector struct{ door *streams.Door }

var (
	doorOpen    = prometheus.NewDesc("reddot_door_connections", "Connections that do not stay: requests, and what has sent none yet.", nil, nil)
	doorRefused = prometheus.NewDesc("reddot_door_refused_total",
		"Connections closed as soon as they were accepted, because the address had too many, or because there were too many in all.", []string{"limit"}, nil)
)

// Describe implements prometheus.Collector.
func (c doorCollector) Describe(ch chan<- *prometheus.Desc) { ch <- doorOpen; ch <- doorRefused }

// Collect implements prometheus.Collector.
func (c doorCollector) Collect(ch chan<- prometheus.Metric) {
	address, all := c.door.Refused()
	ch <- prometheus.MustNewConstMetric(doorOpen, prometheus.GaugeValue, float64(c.door.Open()))
	ch <- prometheus.MustNewConstMetric(doorRefused, prometheus.CounterValue, float64(address), "address")
	ch <- prometheus.MustNewConstMetric(doorRefused, prometheus.CounterValue, float64(all), "all")
}
