package cluster

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the figures of one node of a cluster.
type metrics struct {
	Links     prometheus.Gauge
	Forwarded prometheus.Counter
	Refused   prometheus.Counter
	Fenced    prometheus.Counter
	Missed    prometheus.Counter
	Strangers prometheus.Counter
}

func newMetrics(n *Node, r prometheus.Registerer) *metrics {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "reddot", Subsystem: "cluster", Name: name, Help: help}
	}
	m := &metrics{
		Links:     prometheus.NewGauge(prometheus.GaugeOpts(opts("links", "Links to other nodes that are up."))),
		Forwarded: prometheus.NewCounter(prometheus.CounterOpts(opts("forwarded_total", "Requests sent to the node that owns their user."))),
		Refused:   prometheus.NewCounter(prometheus.CounterOpts(opts("refused_total", "Messages that could not be sent to another node because they are too large or of a kind that does not cross."))),
		Fenced:    prometheus.NewCounter(prometheus.CounterOpts(opts("fenced_total", "Shards that another node has taken from this one."))),
		Missed:    prometheus.NewCounter(prometheus.CounterOpts(opts("topics_missed_total", "Messages of topics that did not go to a node with subscribers, because there was no link to it or it took too little."))),
		Strangers: prometheus.NewCounter(prometheus.CounterOpts(opts("strangers_total", "Connections to the port for links that were ended because they had not said who they are: too late, or too many of them."))),
	}
	if r == nil {
		return m
	}
	r.MustRegister(m.Links, m.Forwarded, m.Refused, m.Fenced, m.Missed, m.Strangers,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("shards", "Shards that this node owns.")), func() float64 { return float64(n.shards()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("members", "Nodes of the cluster, as this one sees it.")), func() float64 { return float64(len(n.peers.list()) + 1) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("held", "Messages that wait for a user that moves between nodes.")), func() float64 { return float64(n.queuedCount.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("clock_apart_seconds", "The largest difference of another node's clock from this one's, if it is above 5 s; else 0.")), func() float64 {
			return time.Duration(n.clockApart.Load()).Seconds()
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("cut_off", "1 while this node acknowledges nothing because it is cut off.")), func() float64 {
			if n.suspended.Load() != nil {
				return 1
			}
			return 0
		}),
	)
	return m
}
