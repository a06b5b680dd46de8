package embedded

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
)

// mostLowDisk is the watermark where none is set, on a disk that is not small:
// what Pebble may need to merge its tables while nothing new comes.
const mostLowDisk = 1 << 30

// roomPause is how often it is looked how much of the disk is free.
const roomPause = 250 * time.Millisecond

// errFull is what new writes are refused with below the watermark. Nothing of
// them was done.
var errFull = &actors.Error{
	Code:       actors.Unavailable,
	Detail:     "the server's disk is nearly full, so it takes no new writes until there is room again; reads go on",
	RetryAfter: 5 * time.Second,
}

// A room knows whether the disk has room for new writes. Below the watermark
// only those are taken that let time do its work or trim, and records: a disk
// that is full would end the store.
type room struct {
	low     atomic.Bool
	free    atomic.Uint64 // bytes
	refused prometheus.Counter
}

// newRefused returns the counter of a room.
func newRefused() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Name: "reddot_store_low_disk_refused_total", Help: "Writes refused because the disk is nearly full.",
	})
}

// refuses tells whether there is no room for the write.
func (r *room) refuses(w *actors.Write) bool {
	if !r.low.Load() || len(w.Events) == 0 || w.Upkeep {
		return false
	}
	r.refused.Inc()
	return true
}

func (r *room) metrics() []prometheus.Collector {
	return []prometheus.Collector{
		r.refused,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "reddot_store_disk_free_bytes", Help: "Bytes that are free on the store's disk.",
		}, func() float64 { return float64(r.free.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "reddot_store_low_disk", Help: "1 while new writes are refused because the disk is nearly full, else 0.",
		}, func() float64 {
			if r.low.Load() {
				return 1
			}
			return 0
		}),
	}
}

// watchRoom looks again and again, until the store is closed or has failed.
func (p *Store) watchRoom() {
	t := time.NewTicker(roomPause)
	defer t.Stop()
	for {
		select {
		case <-p.writer.Ended():
			return
		case <-t.C:
			if err := p.checkRoom(); err != nil {
				p.log.Debug("it can't be seen how much of the disk is free", "err", err)
			}
		}
	}
}

// checkRoom looks how much of the disk is free.
func (p *Store) checkRoom() error {
	usage, err := p.cfg.FS.GetDiskUsage(p.cfg.Dir)
	if err != nil {
		return fmt.Errorf("look for room: %w", err)
	}
	mark := p.watermark(usage.TotalBytes)
	low := usage.AvailBytes < mark
	p.room.free.Store(usage.AvailBytes)
	if p.room.low.Swap(low) == low {
		return nil
	}
	if low {
		p.log.Warn("the disk is nearly full: new writes are refused until there is room again, reads go on",
			"dir", p.cfg.Dir, "free", usage.AvailBytes, "low_disk", mark)
	} else {
		p.log.Warn("the disk has room again: all writes are taken", "dir", p.cfg.Dir, "free", usage.AvailBytes)
	}
	return nil
}

// watermark returns how many bytes are to be free on a disk of so many.
func (p *Store) watermark(total uint64) uint64 {
	switch mark := p.cfg.LowDisk; {
	case mark < 0:
		return 0
	case mark > 0:
		return uint64(mark)
	}
	return min(mostLowDisk, total/10)
}
