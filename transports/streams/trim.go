package streams

import (
	"context"
	"runtime/debug"
	"time"
)

// The rules of Trim.
const (
	trimPause  = 5 * time.Second // between two looks
	trimGrowth = 1000            // connections; fewer leave little behind
	trimChange = 50              // the part of the connections that may come and go between two looks
	trimLooks  = 3               // so many looks in a row are calm: by then the goroutines have ended that took them in
)

// Trim returns memory to the system each time that many connections have come
// and their number has settled, until ctx ends. What a handshake needs is many
// times what a connection keeps, and Go would hold on to it: an idle server
// collects no garbage.
func (s *Streams) Trim(ctx context.Context) {
	look := time.NewTicker(trimPause)
	defer look.Stop()
	for t := (trimmer{}); ; {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if t.look(s.Places()) {
			debug.FreeOSMemory()
		}
	}
}

// A trimmer decides when to trim.
type trimmer struct {
	last    int // connections at the last look
	steady  int // looks in a row
	trimmed int // the number for which memory was returned
}

// look tells whether it is time to trim, given the number of connections.
func (t *trimmer) look(n int) bool {
	if t.steady++; max(n-t.last, t.last-n) > n/trimChange {
		t.steady = 0
	}
	t.last = n
	t.trimmed = min(t.trimmed, n) // those who return make garbage again
	if t.steady < trimLooks || n < t.trimmed+max(trimGrowth, t.trimmed/2) {
		return false
	}
	t.trimmed = n
	return true
}
