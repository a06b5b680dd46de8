package embedded

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// A collector passes on a few of Pebble's own figures, all of one
// moment.
type collector struct {
	p       *Store
	figures []figure
}

type figure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*pebble.Metrics) float64
}

func newCollector(p *Store) *collector {
	c := &collector{p: p}
	add := func(name, help string, kind prometheus.ValueType, value func(*pebble.Metrics) float64) {
		c.figures = append(c.figures, figure{prometheus.NewDesc(name, help, nil, nil), kind, value})
	}
	add("reddot_store_disk_bytes", "Bytes of the store's files.", prometheus.GaugeValue,
		func(m *pebble.Metrics) float64 { return float64(m.DiskSpaceUsage()) })
	add("reddot_store_compaction_debt_bytes", "Bytes that compactions still have to rewrite.", prometheus.GaugeValue,
		func(m *pebble.Metrics) float64 { return float64(m.Compact.EstimatedDebt) })
	add("reddot_store_memtable_bytes", "Bytes of the memory tables.", prometheus.GaugeValue,
		func(m *pebble.Metrics) float64 { return float64(m.MemTable.Size) })
	add("reddot_store_read_amplification", "Files that a read may have to look into.", prometheus.GaugeValue,
		func(m *pebble.Metrics) float64 { return float64(m.ReadAmp()) })
	add("reddot_store_cache_hits_total", "Blocks found in the cache.", prometheus.CounterValue,
		func(m *pebble.Metrics) float64 { return float64(m.BlockCache.Hits) })
	add("reddot_store_cache_misses_total", "Blocks read from the disk.", prometheus.CounterValue,
		func(m *pebble.Metrics) float64 { return float64(m.BlockCache.Misses) })
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range c.figures {
		ch <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	c.p.figures(func(m *pebble.Metrics) {
		for _, f := range c.figures {
			ch <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(m))
		}
	})
}
