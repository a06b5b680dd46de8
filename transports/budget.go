package transports

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A Budget counts the bytes that wait in memory until clients read them, by the
// client's address and by the caller: what waits for streams and what waits of
// answers alike. An IPv6 address counts with its /64 network. It is safe for
// concurrent use; nil is one without limits that counts nothing.
type Budget struct {
	perAddress, perUser atomic.Int64
	claims              atomic.Int64 // which are open
	waiting             atomic.Int64 // bytes, of all
	refused             [2]atomic.Uint64
	seed                maphash.Seed
	shards              [16]budgetShard
}

// claimant is an address or a caller; the other one is zero.
type claimant struct {
	address netip.Addr
	caller  callerKey
}

type budgetShard struct {
	mu       sync.Mutex
	accounts map[claimant]*account
}

// account is what waits for one claimant. It exists while a Claim has it.
type account struct {
	claimant
	bytes  atomic.Int64
	most   *atomic.Int64
	claims int // guarded by the shard's mu
}

// NewBudget returns a Budget by the limits' WaitingPerAddress and WaitingPerUser.
func NewBudget(l Limits) *Budget {
	b := &Budget{seed: maphash.MakeSeed()}
	for i := range b.shards {
		b.shards[i].accounts = map[claimant]*account{}
	}
	b.SetLimits(l)
	return b
}

// SetLimits puts other limits in force. What waits stays counted.
func (b *Budget) SetLimits(l Limits) {
	l = l.WithDefaults()
	b.perAddress.Store(int64(l.WaitingPerAddress))
	b.perUser.Store(int64(l.WaitingPerUser))
}

// A Claim is what waits for one client. One goroutine uses it at a time. Nil
// is a Claim that counts nothing.
type Claim struct {
	budget          *Budget
	address, caller *account // nil: not known
	bytes           int64
}

// Claim returns an empty Claim, which Close must end. from may be the zero Addr,
// and who nil.
func (b *Budget) Claim(from netip.Addr, who *Principal) *Claim {
	if b == nil {
		return nil
	}
	b.claims.Add(1)
	c := &Claim{budget: b}
	if d, ok := addressOf(from, who); ok {
		c.address = b.open(d, &b.perAddress)
	}
	if d, ok := callerOf(who); ok {
		most := &b.perUser
		if !who.IsUser() {
			most = &b.perAddress // a back end stands for many
		}
		c.caller = b.open(d, most)
	}
	return c
}

// addressOf returns whom the address stands for, if it is counted. A server key
// counts by itself alone: others may share its back end's address.
func addressOf(from netip.Addr, who *Principal) (claimant, bool) {
	return claimant{address: NetworkOf(from)}, from.IsValid() && (who == nil || who.IsUser())
}

func callerOf(who *Principal) (claimant, bool) {
	if who == nil {
		return claimant{}, false
	}
	return claimant{caller: callerKey{who.App, who.ID}}, true
}

func (b *Budget) shard(d claimant) *budgetShard {
	return &b.shards[maphash.Comparable(b.seed, d)%uint64(len(b.shards))]
}

func (b *Budget) open(d claimant, most *atomic.Int64) *account {
	s := b.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[d]
	if a == nil {
		a = &account{claimant: d, most: most}
		s.accounts[d] = a
	}
	a.claims++
	return a
}

func (b *Budget) leave(a *account) {
	if a == nil {
		return
	}
	s := b.shard(a.claimant)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.claims--; a.claims == 0 {
		delete(s.accounts, a.claimant)
	}
}

// waitingRetry is when to come back after a refusal: stalled readers are gone
// by then.
const waitingRetry = 10 * time.Second

// Full refuses a caller if as many bytes wait for it, or for its address, as may.
func (b *Budget) Full(from netip.Addr, who *Principal) error {
	if b == nil || b.claims.Load() == 0 {
		return nil
	}
	c := Claim{budget: b}
	if d, ok := addressOf(from, who); ok {
		c.address = b.find(d)
	}
	if d, ok := callerOf(who); ok {
		c.caller = b.find(d)
	}
	return c.Fits(1)
}

// find returns the claimant's account; nil: nothing waits.
func (b *Budget) find(d claimant) *account {
	s := b.shard(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accounts[d]
}

// Fits returns nil if n bytes more may wait, else TooMany.
func (c *Claim) Fits(n int) error {
	switch {
	case c == nil:
		return nil
	case !c.address.fits(n):
		c.budget.refused[0].Add(1)
		return TooManyIn(waitingRetry, "too many bytes wait for this address to read them (limits.waiting_per_address); read the answers and streams that are open, or close them")
	case !c.caller.fits(n):
		c.budget.refused[1].Add(1)
		return TooManyIn(waitingRetry, "too many bytes wait for this caller to read them (limits.waiting_per_user, for a key limits.waiting_per_address); read the answers and streams that are open, or close them")
	}
	return nil
}

// fits tells whether n bytes more may wait. (Two at a time may pass by a little.)
func (a *account) fits(n int) bool { return a == nil || a.bytes.Load()+int64(n) <= a.most.Load() }

// Grow counts n bytes more. If they do not fit it counts none, and returns the error
// of Fits.
func (c *Claim) Grow(n int) error {
	if err := c.Fits(n); err != nil {
		return err
	}
	c.Force(n)
	return nil
}

// Force counts n bytes more, whether they fit or not.
func (c *Claim) Force(n int) {
	if c != nil {
		c.add(int64(n))
	}
}

// Shrink counts n bytes less.
func (c *Claim) Shrink(n int) {
	if c != nil {
		c.add(-int64(n))
	}
}

func (c *Claim) add(n int64) {
	c.bytes += n
	c.budget.waiting.Add(n)
	for _, a := range [...]*account{c.address, c.caller} {
		if a != nil {
			a.bytes.Add(n)
		}
	}
}

// Resize counts n bytes in place of what was counted. If they do not fit it changes
// nothing, and returns the error of Fits.
func (c *Claim) Resize(n int) error {
	if c == nil {
		return nil
	}
	more := int64(n) - c.bytes
	if more > 0 {
		return c.Grow(int(more))
	}
	c.add(more)
	return nil
}

// Has tells whether so many bytes are counted already.
func (c *Claim) Has(n int) bool { return c == nil || c.bytes >= int64(n) }

// Close takes back all that it counts. It may come twice.
func (c *Claim) Close() {
	if c == nil || c.budget == nil {
		return
	}
	c.add(-c.bytes)
	c.budget.leave(c.address)
	c.budget.leave(c.caller)
	c.budget.claims.Add(-1)
	c.budget = nil
}

// A BudgetState is what a Budget has counted.
type BudgetState struct {
	Waiting   int64  // bytes, of all
	Addresses uint64 // refusals for an address's sake
	Callers   uint64 // for a caller's
}

// State returns what waits now, and how often more was refused.
func (b *Budget) State() BudgetState {
	return BudgetState{Waiting: b.waiting.Load(), Addresses: b.refused[0].Load(), Callers: b.refused[1].Load()}
}

// A Claimer is who has to read what waits.
type Claimer interface {
	// Claim returns an empty Claim for it.
	Claim() *Claim
}
