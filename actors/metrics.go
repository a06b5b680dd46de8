package actors

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the figures of the actors of one node.
type Metrics struct {
	Users       prometheus.Gauge
	Connections prometheus.Gauge
	Loads       prometheus.Counter
	Sweeps      prometheus.Counter
	Dozes       prometheus.Counter
	Busy        prometheus.Counter
	Ended       *prometheus.CounterVec // connections ended, by reason
	Pages       prometheus.Counter
	Panics      prometheus.Counter
	Gaps        prometheus.Counter // journals that had a hole
	Failed      prometheus.Counter
	Merged      prometheus.Counter

	SessionsFull prometheus.Counter
	Refused      *prometheus.CounterVec // by the limit

	Judged Judged                 // messages by what the rules said
	Walked *prometheus.CounterVec // users of campaigns that asked them, by what came of it
}

// NewMetrics registers the actors' figures with r, which may be nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "reddot", Subsystem: "actors", Name: name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "reddot", Subsystem: "actors", Name: name, Help: help})
	}
	m := &Metrics{
		Users:       gauge("users", "Users resident in memory."),
		Connections: gauge("connections", "Attached connections."),
		Loads:       counter("loads_total", "Actors woken from the journal."),
		Sweeps:      counter("sweeps_total", "Users from whose journals was taken what nobody needs any more."),
		Dozes:       counter("dozes_total", "Connected users that let go of their inbox while nothing happened."),
		Busy:        counter("busy_total", "Requests refused because a queue was full."),
		Ended: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "reddot", Subsystem: "actors",
			Name: "connections_ended_total", Help: "Connections ended, by reason."}, []string{"reason"}),
		Pages:  counter("replay_pages_total", "Pages of missed events read for connections."),
		Gaps:   counter("gaps_total", "Actors whose journal had a hole, and who go on from the event before it."),
		Panics: counter("panics_total", "Actors stopped by a panic."),
		Merged: counter("broadcasts_merged_total", "Entries of broadcast logs that changed what a user sees, for each user."),
		Failed: counter("failed_total", "Actors ended because a write may have failed."),

		Refused: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "reddot", Subsystem: "actors",
			Name: "refused_total", Help: "Messages of topics, and sessions, that were refused, by the limit."}, []string{"limit"}),
		SessionsFull: counter("session_messages_dropped_total", "Messages of topics that found no room with a session that is away."),
	}
	var judged *prometheus.CounterVec
	m.Judged, judged = newJudged()
	m.Walked = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "reddot", Subsystem: "campaign",
		Name: "users_total", Help: "Users that campaigns have come to, by what came of it: asked, held_out, failed."}, []string{"outcome"})
	if r != nil {
		r.MustRegister(judged, m.Walked, m.Users, m.Connections, m.Loads, m.Sweeps, m.Dozes, m.Busy, m.Ended, m.Pages, m.Panics, m.Gaps, m.Failed, m.Merged, m.SessionsFull, m.Refused)
	}
	return m
}

// Refuse counts what was refused for a limit's sake.
func (m *Metrics) Refuse(limit string) {
	if m != nil {
		m.Refused.WithLabelValues(limit).Inc()
	}
}
