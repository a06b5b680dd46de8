package streams

import "time"

// A Rate is how much one client may send: PerSecond on the average, of which Burst
// may come at once. A negative PerSecond is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// A Pace holds a client to a Rate, in 4 bytes: it is the time, since whatever began,
// at which what it sent so far would be due at an even pace (the generic cell rate
// algorithm, ITU-T I.371), in units of 10 µs, which overflow.
type Pace uint32

// paceUnit is what a Pace counts in.
const paceUnit = 10 * time.Microsecond

// Allow tells whether what counts as n may come now, which is so long since the
// beginning, and counts it if so. The rate is the same each time.
func (p *Pace) Allow(since time.Duration, n int, r Rate) bool {
	if r.PerSecond < 0 {
		return true
	}
	interval := float64(time.Second/paceUnit) / r.PerSecond
	at := Pace(since / paceUnit)
	ahead := int64(int32(*p - at))
	most := min(int64(float64(r.Burst)*interval), 1<<30)
	if ahead < 0 || ahead > most { // or the client was silent for hours
		ahead = 0
	}
	if ahead += int64(float64(n) * interval); ahead > most {
		return false
	}
	*p = at + Pace(ahead)
	return true
}
