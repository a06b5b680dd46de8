package mqtt

import "github.com/prometheus/client_golang/prometheus"

// metrics are the figures of MQTT.
type metrics struct {
	connects  *prometheus.CounterVec // by reason
	received  prometheus.Counter
	sent      prometheus.Counter
	dropped   *prometheus.CounterVec // by why
	refused   prometheus.Counter
	takeovers prometheus.Counter
	limited   *prometheus.CounterVec // by the limit
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "reddot", Subsystem: "mqtt", Name: name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "reddot", Subsystem: "mqtt", Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		connects:  vec("connects_total", "CONNECT packets, by the reason of their answer.", "reason"),
		received:  counter("received_total", "Messages that clients published."),
		sent:      counter("sent_total", "Messages sent to clients."),
		dropped:   vec("dropped_total", "Messages not sent to a client that is connected, by why.", "why"),
		refused:   counter("refused_total", "Messages of clients that were refused, for whatever reason."),
		takeovers: counter("takeovers_total", "Sessions taken over by another connection."),
	}
	m.limited = vec("limited_total", "Connections ended because their client passed a limit, by the limit.", "limit")
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connects, m.received, m.sent, m.dropped, m.refused, m.takeovers, m.limited} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
