package ws

import "time"

// A pace holds a client to Config.FramesPerSecond with bursts, in 8 bytes: it
// is the time, since Sockets were made, at which its frames so far would be due
// at an even pace (the generic cell rate algorithm, ITU-T I.371).
type pace int64

// allow tells whether a frame may come now, and counts it if so.
func (p *pace) allow(since time.Duration, cfg *Config) bool {
	if cfg.FramesPerSecond < 0 {
		return true
	}
	interval := pace(float64(time.Second) / cfg.FramesPerSecond)
	at := pace(since)
	due := max(*p, at)
	if due-at > pace(cfg.FrameBurst-1)*interval {
		return false
	}
	*p = due + interval
	return true
}
