package bulk

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are those of all imports of a server.
type Metrics struct {
	running          prometheus.Gauge
	ended            *prometheus.CounterVec // by state
	written, refused prometheus.Counter     // lines
}

// NewMetrics registers the metrics; none are seen if reg is nil.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	named := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "reddot", Subsystem: "imports", Name: name, Help: help}
	}
	m := &Metrics{
		running: prometheus.NewGauge(prometheus.GaugeOpts(named("running", "Imports that this server works on."))),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts(named("ended_total", "Requests to import that ended, by the state of the job then: done, paused, cancelled.")),
			[]string{"state"}),
	}
	lines := prometheus.NewCounterVec(prometheus.CounterOpts(named("lines_total", "Lines of imports that are over, by what came of them: written, refused.")), []string{"result"})
	if reg != nil {
		for _, c := range []prometheus.Collector{m.running, m.ended, lines} {
			if err := reg.Register(c); err != nil {
				return nil, fmt.Errorf("bulk: register metrics: %w", err)
			}
		}
	}
	m.written, m.refused = lines.WithLabelValues("written"), lines.WithLabelValues("refused")
	for _, s := range []State{Done, Paused, Cancelled} {
		m.ended.WithLabelValues(string(s))
	}
	return m, nil
}

// note counts a line.
func (m *Metrics) note(r *result) {
	switch {
	case r.err != nil:
		m.refused.Inc()
	case !r.empty:
		m.written.Inc()
	}
}

// run counts an import that begins to work, and is called with how it ended.
func (m *Metrics) run() (end func(State)) {
	m.running.Inc()
	return func(s State) {
		m.running.Dec()
		m.ended.WithLabelValues(string(s)).Inc()
	}
}
