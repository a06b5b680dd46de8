package mqtt

import (
	"time"

	"reddot/transports/mqtt/packet"
)

// A pace holds a client to Config.PublishesPerSecond with bursts, in 4 bytes: it
// is the time, since the server began, at which its packets so far would be due at
// an even pace (the generic cell rate algorithm, ITU-T I.371), in units of 10 µs,
// which overflow.
type pace uint32

// paceUnit is what a pace counts in.
const paceUnit = 10 * time.Microsecond

// filterCost is how many packets one filter of a SUBSCRIBE counts as: topics are
// looked at for what they retain, and all servers are told.
const filterCost = 10

// allow tells whether packets that count as n may come now, and counts them if so.
func (p *pace) allow(since time.Duration, n int, cfg *Config) bool {
	if cfg.PublishesPerSecond < 0 {
		return true
	}
	interval := float64(time.Second/paceUnit) / cfg.PublishesPerSecond
	at := pace(since / paceUnit)   // #nosec G115 -- differences count
	ahead := int64(int32(*p - at)) // #nosec G115 -- likewise
	most := min(int64(float64(cfg.PublishBurst)*interval), 1<<30)
	if ahead < 0 || ahead > 2*most { // or the client was silent for hours
		ahead = 0
	}
	if ahead += int64(float64(n) * interval); ahead > most {
		return false
	}
	*p = at + pace(ahead) // #nosec G115 -- bounded by most
	return true
}

// keepsPace returns why the connection ends, if a packet that counts as n comes
// too soon. Acknowledgements of what was sent do not count.
func (s *session) keepsPace(n int) error {
	if s.server.access.Load().Dev {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pace.allow(time.Since(s.server.began), min(n, s.server.cfg.PublishBurst), &s.server.cfg) {
		s.server.metrics.limited.WithLabelValues("pace").Inc()
		return refusal(packet.MessageRateTooHigh, "the client sends packets too fast")
	}
	return nil
}
