package mqtt

import (
	"time"

	"reddot/transports/mqtt/packet"
	"reddot/transports/streams"
)

// filterCost is how many packets one filter of a SUBSCRIBE counts as: topics are
// looked at for what they retain, and all servers are told.
const filterCost = 10

// checkPace returns why the connection ends, if a packet that counts as n comes
// too soon. Acknowledgements of what was sent do not count.
func (s *session) checkPace(n int) error {
	if s.server.access.Load().Dev {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg := &s.server.cfg
	if !s.pace.Allow(time.Since(s.server.began), min(n, cfg.PublishBurst), streams.Rate{PerSecond: cfg.PublishesPerSecond, Burst: cfg.PublishBurst}) {
		s.server.metrics.limited.WithLabelValues("pace").Inc()
		return refusal(packet.MessageRateTooHigh, "the client sends packets too fast")
	}
	return nil
}
