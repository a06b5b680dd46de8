package store

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the figures that each store has.
type Metrics struct {
	commitSeconds prometheus.Histogram
	batchWrites   prometheus.Histogram
	events        prometheus.Counter
	bytes         prometheus.Counter
	refused       prometheus.Counter

	// Erased is when what was deleted was last taken out of the files. A store that
	// has files registers it among its own.
	Erased prometheus.Gauge

	registerer prometheus.Registerer // nil: nowhere
	registered []prometheus.Collector
}

// NewMetrics returns figures that stand at zero, to be registered with r; nil: nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &Metrics{
		registerer: r,
		commitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "reddot_store_commit_seconds",
			Help:    "How long a commit took, with its sync to the disk.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16), // to 3.3 s
		}),
		batchWrites: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "reddot_store_batch_writes",
			Help:    "How many writes a commit took.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 13), // to 4,096
		}),
		events: counter("reddot_store_events_total", "Events made durable."),
		bytes:  counter("reddot_store_bytes_total", "Bytes of events and snapshots made durable."),
		Erased: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "reddot_store_erased_timestamp_seconds",
			Help: "When what had been deleted was last taken from the store's files, since 1970.",
		}),
		refused: counter("reddot_store_refused_total", "Writes refused because the queue was full."),
	}
}

// Register registers all figures, those of the store's queue among them, and
// those that this store alone has.
func (m *Metrics) Register(w interface {
	Stats() Stats
	Writable() bool
}, more ...prometheus.Collector) error {
	if m.registerer == nil {
		return nil
	}
	gauge := func(name, help string, value func(Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return value(w.Stats()) })
	}
	all := append([]prometheus.Collector{
		m.commitSeconds, m.batchWrites, m.events, m.bytes, m.refused,
		gauge("reddot_store_queue_writes", "Writes that wait for a commit.",
			func(s Stats) float64 { return float64(s.Queued) }),
		gauge("reddot_store_queue_bytes", "Bytes of the writes that wait for a commit.",
			func(s Stats) float64 { return float64(s.QueuedBytes) }),
		gauge("reddot_store_stall_seconds", "How long the commit under way has taken so far.",
			func(s Stats) float64 { return s.Stall.Seconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "reddot_store_writable",
			Help: "1 while the store takes writes, 0 while it does not.",
		}, func() float64 {
			if w.Writable() {
				return 1
			}
			return 0
		}),
	}, more...)
	for _, c := range all {
		if err := m.registerer.Register(c); err != nil {
			m.Unregister()
			return fmt.Errorf("register the store's metrics: %w", err)
		}
		m.registered = append(m.registered, c)
	}
	return nil
}

// Unregister takes back what was registered.
func (m *Metrics) Unregister() {
	for _, c := range m.registered {
		m.registerer.Unregister(c)
	}
	m.registered = nil
}
