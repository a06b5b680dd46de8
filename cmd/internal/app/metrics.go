package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"reddot/transports"
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
type streamsCollector struct{ streams *transports.Streams }

var connections = prometheus.NewDesc("reddot_connections", "Connections that stay, by transport.", []string{"transport"}, nil)

// Describe implements prometheus.Collector.
func (c streamsCollector) Describe(ch chan<- *prometheus.Desc) { ch <- connections }

// Collect implements prometheus.Collector.
func (c streamsCollector) Collect(ch chan<- prometheus.Metric) {
	for transport, n := range c.streams.Open() {
		ch <- prometheus.MustNewConstMetric(connections, prometheus.GaugeValue, float64(n), transport)
	}
}
