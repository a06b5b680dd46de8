package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// now returns the wall clock's time. All of the server that judges by wall time
// asks here. It has no monotonic reading, so nobody can measure a duration by it
// that a step of the clock leaves alone: that is for time.Now.
func (a *App) now() time.Time {
	if wall := a.forTests.wall; wall != nil {
		return wall().Round(0)
	}
	return time.Now().Round(0)
}

// nowMilli returns it in unix milliseconds.
func (a *App) nowMilli() int64 { return a.now().UnixMilli() }

// How often the wall clock is compared with the monotonic one, and the least
// difference that is a step; NTP slews by less.
const (
	clockLook = time.Second
	leastStep = 500 * time.Millisecond
)

// newClockSteps returns the counter of the wall clock's steps.
func newClockSteps(r prometheus.Registerer) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "reddot_clock_steps_total",
		Help: "Steps of the wall clock by half a second or more, by direction; a suspended machine's clock steps forward when it wakes.",
	}, []string{"direction"})
	r.MustRegister(v)
	return v
}

// watchClock looks for steps of the wall clock until ctx ends. Timers of tokens
// that expire run by monotonic time, and would come too late after one forward.
func (a *App) watchClock(ctx context.Context) {
	t := time.NewTicker(clockLook)
	defer t.Stop()
	wall, steady := a.now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		nextWall, nextSteady := a.now(), time.Now()
		step := nextWall.Sub(wall) - nextSteady.Sub(steady)
		wall, steady = nextWall, nextSteady
		switch {
		case step >= leastStep:
			a.clockSteps.WithLabelValues("forward").Inc()
			a.log.Warn("the wall clock has stepped", "by", step.Round(time.Millisecond), "tokens_expired", a.streams.EndExpired())
		case step <= -leastStep:
			a.clockSteps.WithLabelValues("back").Inc()
			a.log.Warn("the wall clock has stepped", "by", step.Round(time.Millisecond))
		}
	}
}
