package report

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies is a histogram of durations up to a minute, kept to three digits.
type Latencies struct{ h *hdrhistogram.Histogram }

const longest = int64(time.Minute)

// NewLatencies returns an empty histogram.
func NewLatencies() Latencies {
	return Latencies{hdrhistogram.New(int64(time.Microsecond), longest, 3)}
}

// Record takes a duration in nanoseconds.
func (l Latencies) Record(ns int64) {
	_ = l.h.RecordValue(min(max(ns, 0), longest)) // in range, so it can't fail
}

// Add adds what another one holds.
func (l Latencies) Add(o Latencies) { l.h.Merge(o.h) }

// Quantiles are a distribution's figures, in microseconds.
type Quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_us"`
	P90   float64 `json:"p90_us"`
	P99   float64 `json:"p99_us"`
	P999  float64 `json:"p999_us"`
	Max   float64 `json:"max_us"`
}

// Quantiles returns the distribution so far.
func (l Latencies) Quantiles() Quantiles {
	at := func(q float64) float64 { return float64(l.h.ValueAtQuantile(q)) / 1e3 }
	return Quantiles{
		Count: l.h.TotalCount(),
		P50:   at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max: float64(l.h.Max()) / 1e3,
	}
}
