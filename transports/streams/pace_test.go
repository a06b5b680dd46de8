package streams

import (
	"testing"
	"time"
	"unsafe"
)

// A client may send a burst at once, then so many a second, and a burst again after
// any silence.
func TestPace(t *testing.T) {
	if n := unsafe.Sizeof(Pace(0)); n != 4 {
		t.Errorf("each connection has %d bytes of it, want 4", n)
	}
	for _, r := range []Rate{{20, 60}, {1000, 2000}, {0.5, 1}, {3, 7}} {
		var p Pace
		now := time.Hour
		burst := func(after string) {
			t.Helper()
			n := 0
			for p.Allow(now, 1, r) {
				n++
			}
			if n != r.Burst {
				t.Errorf("%v: after %s %d came through at once", r, after, n)
			}
		}
		burst("the beginning")
		interval := time.Duration(float64(time.Second) / r.PerSecond)
		for range 100 {
			now += interval
			if !p.Allow(now, 1, r) || p.Allow(now, 1, r) {
				t.Fatalf("%v: not one came through after its interval", r)
			}
		}
		const turn = paceUnit << 32 // when a Pace begins anew
		for _, silence := range []time.Duration{time.Hour, 7 * time.Hour, turn - time.Minute, turn + time.Hour, 30 * 24 * time.Hour} {
			now += silence + time.Duration(r.Burst)*interval
			burst(silence.String())
		}
	}
}

func TestPaceOfMany(t *testing.T) {
	var p Pace
	r := Rate{PerSecond: 10, Burst: 20}
	if p.Allow(time.Minute, 21, r) || !p.Allow(time.Minute, 15, r) || p.Allow(time.Minute, 6, r) || !p.Allow(time.Minute, 5, r) {
		t.Error("what counts as several was not counted so")
	}
	for range 1000 {
		if !p.Allow(time.Minute, 1000, Rate{PerSecond: -1}) {
			t.Fatal("there is a limit where there is none")
		}
	}
}
