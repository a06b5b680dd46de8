package api

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/transports/api/bulk"
	"reddot/transports/api/words"
)

// metrics are the API's own. A label is a route's template or a class of
// statuses: no client can make a new one.
type metrics struct {
	inFlight prometheus.Gauge
	publish  prometheus.Histogram
	requests map[*route]*[6]prometheus.Counter // by the status's first digit; that of nil: no route
	refused  *prometheus.CounterVec            // by the limit
	imports  *bulk.Metrics
	keywords *words.Metrics
}

// newMetrics registers the metrics; none are seen if reg is nil.
func newMetrics(reg prometheus.Registerer, routes []*route) (*metrics, error) {
	m := &metrics{
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "reddot", Subsystem: "http", Name: "requests_in_flight",
			Help: "HTTP requests being answered; connections that stay are not among them."}),
		publish: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "reddot", Subsystem: "http", Name: "publish_seconds",
			Help:    "Time from a publish's head to its durable answer, batches not counted.",
			Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .025, .05, .1, .25, 1, 5}}),
		requests: make(map[*route]*[6]prometheus.Counter, len(routes)+1),
	}
	total := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "reddot", Subsystem: "http", Name: "requests_total",
		Help: "HTTP requests answered, by route and class of status."}, []string{"method", "route", "status"})
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "reddot", Subsystem: "http", Name: "limited_total",
		Help: "Requests refused or cut off because of a limit, by the limit."}, []string{"limit"})
	if reg != nil {
		for _, c := range []prometheus.Collector{m.inFlight, m.publish, total, m.refused} {
			if err := reg.Register(c); err != nil {
				return nil, fmt.Errorf("api: register metrics: %w", err)
			}
		}
	}
	var err error
	if m.imports, err = bulk.NewMetrics(reg); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	if m.keywords, err = words.NewMetrics(reg); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	m.requests[nil] = counters(total, "", "none")
	for _, r := range routes {
		m.requests[r] = counters(total, r.method, r.path)
	}
	return m, nil
}

func counters(total *prometheus.CounterVec, method, path string) *[6]prometheus.Counter {
	var c [6]prometheus.Counter
	for i, class := range [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"} {
		c[i] = total.WithLabelValues(method, path, class)
	}
	return &c
}

// request counts an answered request.
func (m *metrics) request(r *route, status int) {
	class := status / 100
	if class > 5 {
		class = 0
	}
	m.requests[r][class].Inc()
}
