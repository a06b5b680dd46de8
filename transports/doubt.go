package transports

import (
	"context"
	"math"
	"net/netip"
	"time"
)

// An address that has spent its bad tokens is doubted: it may be somebody who
// guesses, and as well a proxy or a household where one client is broken. A good
// token cannot be told from a bad one without a look at its signature, so the
// tokens of doubted addresses are looked at still, at a pace that costs little
// whatever they send, and each address has at most a share of it.
const (
	DoubtedShare = 4                      // an address has at most 1/4 of Limits.DoubtedTokens
	doubtedWait  = 500 * time.Millisecond // how long one waits for its turn at most
)

// doubtedBurst is how many are looked at at once: as many as in a quarter of a
// second.
func doubtedBurst(perSecond float64) int {
	if math.IsInf(perSecond, 1) {
		return math.MaxInt
	}
	return max(1, int(perSecond/4))
}

// BadToken counts a token from the address that was bad.
func (g *Gate) BadToken(from netip.Addr) {
	if from.IsValid() {
		g.rules.Load().badTokens.take(NetworkOf(from), 1, g.now())
	}
}

// Doubt waits until a token from the address may be looked at, or until ctx ends.
// It returns for how long the address is doubted; 0: it is not, and has not waited.
// The error is TooMany.
func (g *Gate) Doubt(ctx context.Context, from netip.Addr) (time.Duration, error) {
	if !from.IsValid() {
		return 0, nil
	}
	rules, now := g.rules.Load(), g.now()
	doubted := rules.badTokens.wait(NetworkOf(from), now)
	if doubted == 0 {
		return 0, nil
	}
	own, ok := rules.doubted.reserve(NetworkOf(from), now, doubtedWait)
	if !ok {
		return doubted, TooManyIn(own, "this address sends too many bad credentials")
	}
	all, ok := rules.allDoubts.reserve(struct{}{}, now, doubtedWait)
	if !ok {
		return doubted, TooManyIn(all, "this address sends too many bad credentials, and others do")
	}
	if wait := max(own, all); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return doubted, TooManyIn(doubted, "this address sends too many bad credentials")
		}
	}
	return doubted, nil
}
