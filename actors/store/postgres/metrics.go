package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// figures are those that only this store has.
type figures struct {
	fenced    prometheus.Counter
	conflicts prometheus.Counter
	repeats   prometheus.Counter
	outages   prometheus.Counter
	turns     prometheus.Counter
	pool      []prometheus.Collector
}

func newFigures(pool *pgxpool.Pool) *figures {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string, value func(*pgxpool.Stat) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(pool.Stat()) })
	}
	return &figures{
		fenced:    counter("reddot_store_fenced_total", "Writes refused because another node has taken their shard."),
		conflicts: counter("reddot_store_conflicts_total", "Writes refused because of what the database holds already."),
		repeats:   counter("reddot_store_repeats_total", "Commits repeated because they met another one (deadlock, serialization)."),
		outages:   counter("reddot_store_outages_total", "Times that a committer lost its database."),
		turns:     counter("reddot_store_turns_total", "Times that the database had another history: it was restored, or a replica promoted."),
		pool: []prometheus.Collector{
			gauge("reddot_store_pool_connections", "Connections for reads.", func(s *pgxpool.Stat) float64 { return float64(s.TotalConns()) }),
			gauge("reddot_store_pool_used", "Connections for reads that are in use.", func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) }),
			gauge("reddot_store_pool_waits", "Reads that had to wait for a connection, so far.", func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) }),
		},
	}
}

func (m *figures) all() []prometheus.Collector {
	return append([]prometheus.Collector{m.fenced, m.conflicts, m.repeats, m.outages, m.turns}, m.pool...)
}
