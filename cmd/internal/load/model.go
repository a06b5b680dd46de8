package load

import "reddot/cmd/internal/load/event"

// A user is the model of one user: what the server has said of it, and what
// must therefore be true.
type user struct {
	base          event.Counts // when the run began
	final         event.Counts // when it ended
	cursor        []byte       // as of final
	deaf          bool         // what is broadcast is not for it
	sent          []pending
	head          int            // sent[:head] are settled
	first         uint64         // the number of sent[0]
	taken         int64          // messages that the server has accepted
	unknown       int64          // messages of which it is not known
	foreign       int64          // events that are not of this run
	conns         int32          // its connections
	last          event.Counts   // by the last answer, where requests go one at a time
	marks         []event.Counts // counts that were set, not added to; ascending
	changes       int64          // revs that are no messages
	busy          bool           // a request is under way, where they go one at a time
	reading       bool           // all is being marked as read
	countsUnknown bool           // the fate of a change is not known, so its counts aren't
}

// A pending message is one that was sent and is not yet both answered and
// delivered to every connection.
type pending struct {
	sent      int64
	rev       int64        // 0: not known yet
	counts    event.Counts // as of rev, by whichever came first: the answer or an event
	delivered int32
	by        *publisher // hears when it has reached all; nil: does not wait for that
	answered  bool
	settled   bool
}

// add begins a message and returns its number.
func (u *user) add(sent int64) uint64 {
	u.sent = append(u.sent, pending{sent: sent})
	return u.first + uint64(len(u.sent)) - 1
}

// at returns the message with the number, nil if it is settled or was never sent.
func (u *user) at(n uint64) *pending {
	if n < u.first+uint64(u.head) || n >= u.first+uint64(len(u.sent)) {
		return nil
	}
	return &u.sent[n-u.first]
}

// settle forgets the oldest messages of which nothing more is to come.
func (u *user) settle() {
	for u.head < len(u.sent) {
		p := &u.sent[u.head]
		if !p.settled && !(p.answered && p.delivered >= u.conns) {
			break
		}
		u.head++
	}
	if u.head == len(u.sent) {
		u.first += uint64(u.head)
		u.sent, u.head = u.sent[:0], 0
	} else if u.head > 64 && u.head > len(u.sent)/2 {
		u.first += uint64(u.head)
		u.sent = u.sent[:copy(u.sent, u.sent[u.head:])]
		u.head = 0
	}
}

// possible tells whether counts are what they must be, each change since the
// base or the last mark being one new message. Beyond the inbox's limit
// messages fall out, and nothing is known.
func (u *user) possible(c event.Counts, limit int64) bool {
	if c.Rev < u.base.Rev {
		return false
	}
	if u.reading && c.Rev > u.last.Rev {
		return true // its answer will tell
	}
	if c.Rev > limit || u.countsUnknown {
		return c.Unread >= 0 && c.Unseen >= 0
	}
	from := u.base
	for i := len(u.marks) - 1; i >= 0; i-- {
		if u.marks[i].Rev <= c.Rev {
			from = u.marks[i]
			break
		}
	}
	d := c.Rev - from.Rev
	return c.Unread == from.Unread+d && c.Unseen == from.Unseen+d
}

// rebase takes counts from which later ones follow.
func (u *user) rebase(c event.Counts) {
	if n := len(u.marks); n > 0 && u.marks[n-1].Rev == c.Rev {
		return
	}
	u.marks = append(u.marks, c)
}

// agrees compares what is known of a message with another word on it: its rev,
// and the counts with it if they are of that rev.
func (p *pending) agrees(rev int64, c event.Counts) bool {
	if p.rev == 0 {
		p.rev = rev
	}
	if p.rev != rev {
		return false
	}
	if !c.Known || c.Rev != rev {
		return true
	}
	if !p.counts.Known {
		p.counts = c
		return true
	}
	return p.counts == c
}

// An order is what one connection has seen of its user's events, by rev.
type order struct {
	rev     int64   // the highest
	missing []int64 // what was passed over below it
}

// A verdict is how an event stands in the order.
type verdict uint8

const (
	inOrder verdict = iota
	late            // it had been passed over
	again           // it had been there
)

// maxMissing bounds the memory for revs passed over; a larger gap is counted
// as lost at once.
const maxMissing = 1 << 16

// step takes the next event's rev. It returns how many were passed over beyond
// what is kept.
func (o *order) step(rev int64) (v verdict, beyond int64) {
	if rev > o.rev {
		for r := o.rev + 1; r < rev; r++ {
			if len(o.missing) >= maxMissing {
				beyond = rev - r
				break
			}
			o.missing = append(o.missing, r)
		}
		o.rev = rev
		return inOrder, beyond
	}
	for i, r := range o.missing {
		if r == rev {
			o.missing = append(o.missing[:i], o.missing[i+1:]...)
			return late, 0
		}
	}
	return again, 0
}

// A tally counts what one worker saw.
type tally struct {
	sent, accepted, delivered uint64
	// faults
	lost, doubled, disordered, wrong, misdirected uint64
	// events
	foreign, resets, beats, connects, reconnects uint64
	errors                                       map[string]uint64
}

// add adds another worker's.
func (t *tally) add(o *tally) {
	t.sent += o.sent
	t.accepted += o.accepted
	t.delivered += o.delivered
	t.lost += o.lost
	t.doubled += o.doubled
	t.disordered += o.disordered
	t.wrong += o.wrong
	t.misdirected += o.misdirected
	t.foreign += o.foreign
	t.resets += o.resets
	t.beats += o.beats
	t.connects += o.connects
	t.reconnects += o.reconnects
	for k, n := range o.errors {
		t.fail(k, n)
	}
}

func (t *tally) fail(what string, n uint64) {
	if t.errors == nil {
		t.errors = make(map[string]uint64)
	}
	t.errors[what] += n
}

// worst returns the most frequent error.
func (t *tally) worst() string {
	var what string
	for k, n := range t.errors {
		if n > t.errors[what] || (n == t.errors[what] && k < what) {
			what = k
		}
	}
	return what
}
