package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"reddot/actors/topic"
	"reddot/transports"
	"reddot/transports/streams"
)

// newRegistry returns a registry with the figures of the process.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "reddot_build_info", Help: "1; the labels say what is running.",
			ConstLabels: prometheus.Labels{"version": Version().Version, "commit": Version().Commit},
		}, func() float64 { return 1 }),
	)
	return r
}

// streamsCollector tells how many connections stay, by transport.
type streamsCollector struct{ streams *streams.Streams }

var connections = prometheus.NewDesc("reddot_connections", "Connections that stay, by transport.", []string{"transport"}, nil)

// Describe implements prometheus.Collector.
func (c streamsCollector) Describe(ch chan<- *prometheus.Desc) { ch <- connections }

// Collect implements prometheus.Collector.
func (c streamsCollector) Collect(ch chan<- prometheus.Metric) {
	for transport, n := range c.streams.Open() {
		ch <- prometheus.MustNewConstMetric(connections, prometheus.GaugeValue, float64(n), transport)
	}
}

// sessionsCollector tells how many sessions outlive their connections, by app.
type sessionsCollector struct{ topics *topic.Broker }

var (
	sessionsOfApp = prometheus.NewDesc("reddot_sessions", "Sessions of all servers that outlive their connections, by app; limited by mqtt.sessions_of_app.", []string{"app"}, nil)
	sizeOfApp     = prometheus.NewDesc("reddot_sessions_bytes", "About how many bytes wait for those, by app; limited by mqtt.sessions_size_of_app.", []string{"app"}, nil)
)

// Describe implements prometheus.Collector.
func (c sessionsCollector) Describe(ch chan<- *prometheus.Desc) { ch <- sessionsOfApp; ch <- sizeOfApp }

// Collect implements prometheus.Collector.
func (c sessionsCollector) Collect(ch chan<- prometheus.Metric) {
	for app, n := range c.topics.Sessions() {
		ch <- prometheus.MustNewConstMetric(sessionsOfApp, prometheus.GaugeValue, float64(n.Sessions), app)
		ch <- prometheus.MustNewConstMetric(sizeOfApp, prometheus.GaugeValue, float64(n.Size), app)
	}
}

// budgetCollector tells what waits for clients to read it.
type budgetCollector struct{ budget *transports.Budget }

var (
	waitingBytes = prometheus.NewDesc("reddot_waiting_bytes", "Bytes that wait in memory until clients read them.", nil, nil)
	overBudget   = prometheus.NewDesc("reddot_waiting_refused_total",
		"Answers and pushes refused because too many bytes wait for the address, or for the user or key.", []string{"limit"}, nil)
)

// Describe implements prometheus.Collector.
func (c budgetCollector) Describe(ch chan<- *prometheus.Desc) { ch <- waitingBytes; ch <- overBudget }

// Collect implements prometheus.Collector.
func (c budgetCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.budget.State()
	ch <- prometheus.MustNewConstMetric(waitingBytes, prometheus.GaugeValue, float64(s.Waiting))
	ch <- prometheus.MustNewConstMetric(overBudget, prometheus.CounterValue, float64(s.Addresses), "address")
	ch <- prometheus.MustNewConstMetric(overBudget, prometheus.CounterValue, float64(s.Callers), "caller")
}
