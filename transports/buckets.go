package transports

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// buckets are token buckets by key, the least recently used forgotten.
type buckets[K comparable] struct {
	rate  rate.Limit
	burst int
	byKey *Recent[K, *rate.Limiter] // nil: no limit
}

func newBuckets[K comparable](perSecond float64, burst, size int) *buckets[K] {
	b := &buckets[K]{rate: rate.Limit(perSecond), burst: burst}
	if !math.IsInf(perSecond, 1) && burst != math.MaxInt {
		b.byKey = NewRecent[K, *rate.Limiter](size)
	}
	return b
}

// take spends n tokens and returns 0, or returns the time to wait for them and
// spends none.
func (b *buckets[K]) take(key K, n int, now time.Time) time.Duration {
	if b.byKey == nil {
		return 0
	}
	r := b.of(key).ReserveN(now, min(n, b.burst))
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// wait returns the time until there is a token, without spending it.
func (b *buckets[K]) wait(key K, now time.Time) time.Duration {
	if b.byKey == nil {
		return 0
	}
	l, ok := b.byKey.Get(key)
	if !ok {
		return 0
	}
	missing := 1 - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(b.rate) * float64(time.Second))
}

// reserve spends a token and returns the time until it is there, if that is at
// most the longest; else it spends none.
func (b *buckets[K]) reserve(key K, now time.Time, longest time.Duration) (wait time.Duration, ok bool) {
	if b.byKey == nil {
		return 0, true
	}
	r := b.of(key).ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > longest {
		r.CancelAt(now)
		return wait, false
	}
	return wait, true
}

func (b *buckets[K]) of(key K) *rate.Limiter {
	return b.byKey.GetOrPut(key, func() *rate.Limiter { return rate.NewLimiter(b.rate, b.burst) })
}
