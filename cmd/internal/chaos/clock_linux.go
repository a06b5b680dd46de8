package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// clockSteps are how far a server's wall clock goes wrong. Tokens that were
// issued a moment ago are of the future where it steps back by more than the
// leeway between clocks, and are refused then; so it does not.
var clockSteps = []time.Duration{-25 * time.Second, 30 * time.Second, time.Hour}

// clockFile is what says how far a server's wall clock is off. The server looks
// at it if it was built with the tag faults.
func (w *world) clockFile(i int) string { return filepath.Join(w.dir, fmt.Sprintf("clock-%d", i)) }

// clockStep lets a server's wall clock step, and later step back. It must say so
// and live on; that nobody is disconnected by it is for a test without other
// faults, since here all are all the time.
func (n *nemesis) clockStep(v int) {
	step := clockSteps[n.rng.IntN(len(clockSteps))]
	if !n.isBack() {
		return
	}
	life := n.world.life(v)
	for _, off := range []time.Duration{step, 0} {
		said := n.world.stepsSaid(v)
		n.must(os.WriteFile(n.world.clockFile(v), []byte(off.String()), 0o600))
		for late := time.Now().Add(10 * time.Second); n.world.stepsSaid(v) == said; time.Sleep(50 * time.Millisecond) {
			if n.ctx.Err() != nil {
				return
			}
			if time.Now().After(late) {
				n.must(errors.New("a server has not noticed that its clock stepped: was it built with -tags faults?"))
				break
			}
		}
		n.rest(500, 4000)
	}
	if now := n.world.life(v); now != life {
		n.must(fmt.Errorf("server %d has ended when its clock stepped by %v", v, step))
	}
}

// isBack waits until all servers have come back from the fault before, which else would be
// taken for this one's doing: one that the others have given up may not know so yet, and be
// ready. false: they do not, and settle tells why.
func (n *nemesis) isBack() bool {
	for late := time.Now().Add(readyTime); n.world.unsettled(n.ctx) != nil; time.Sleep(50 * time.Millisecond) {
		if n.ctx.Err() != nil || time.Now().After(late) {
			return false
		}
	}
	return true
}

// stepsSaid returns how often a server has said that its clock stepped.
func (w *world) stepsSaid(i int) int {
	w.mu.Lock()
	name := w.servers[i].log.Name()
	w.mu.Unlock()
	text, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	return bytes.Count(text, []byte("the wall clock has stepped"))
}
