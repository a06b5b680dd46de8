package membership

import (
	"time"

	"reddot/cluster/wire"
)

// clockApart is by how much clocks may differ before it is told: users' times
// (expiry, send_at, tokens) are judged by whichever node owns them.
const clockApart = 5 * time.Second

// compareClock compares a node's clock, as it was when it left its sign just
// now, with this node's. It returns by how much that one is ahead; 0: not by enough
// to matter.
func (m *Membership) compareClock(name string, w *wire.WireSign) time.Duration {
	if w.Time == 0 {
		return 0
	}
	ahead := time.Duration(w.Time-m.cfg.Now()) * time.Millisecond
	if ahead.Abs() <= clockApart {
		return 0
	}
	if _, ok := m.clockLog.Allow(); ok {
		by, where := ahead.Abs().Round(time.Second), "behind"
		if ahead > 0 {
			where = "ahead"
		}
		m.cfg.Log.Error("another server's clock differs from this one's: set both by NTP; what expires, is sent later or is signed for a while goes wrong by as much", "node", name, "by", by, "where", where)
	}
	return ahead
}
