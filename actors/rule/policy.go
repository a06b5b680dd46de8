package rule

import (
	"strings"

	"github.com/cespare/xxhash/v2"

	"reddot/actors"
	"reddot/actors/schedule"
)

// A Policy is a version of the rules that an app keeps under a name. It is immutable.
type Policy struct {
	name     string
	version  uint64
	source   *actors.Policy
	caps     []limit
	quotas   []quota
	quiet    *schedule.Window // nil: none; without a Zone it is in the user's
	remember int64            // milliseconds for which a content has duplicates; 0: they are not looked for

	onHeld   Do // Hold, Filter, Gather
	onCapped Do // Filter, Gather
	onPassed Do // Deliver, Gather
	digest   *digest

	critical set // what a critical message passes
	respects set // what of the user's own holds
	spread   int64
}

// set is a set of rules.
type set uint32

func (s set) has(r actors.Rule) bool { return s&(1<<r) != 0 }

func setOf(rules ...actors.Rule) (s set) {
	for _, r := range rules {
		s |= 1 << r
	}
	return s
}

// A digest says how messages are gathered.
type digest struct {
	key     string // with {category}
	title   string // with {total}; empty: the default
	window  int64  // milliseconds from the first item on; 0: it is sliding, or at
	sliding int64  // milliseconds from the last item on
	max     int64  // of a sliding one, from the first item on
	at      int    // minutes after midnight, in the user's zone
	lead    bool   // the first message is delivered, and opens it
}

// keyOf returns the key of the digest that a message belongs to. Tenants never share one.
func (d *digest) keyOf(c *Candidate) string {
	key := strings.ReplaceAll(d.key, "{category}", c.Category)
	if c.Tenant != "" {
		key += "/" + c.Tenant // no key has a slash
	}
	return key
}

// Remembers tells whether the policy asks for what messages say, to know duplicates.
func (p *Policy) Remembers() bool { return p != nil && p.remember > 0 }

// Digest stands for what a message says: two with the same one are duplicates. It is kept
// in the journal.
func Digest(m *actors.Message) uint64 {
	var h xxhash.Digest
	h.Reset()
	for _, s := range []string{m.Tenant, m.Category} {
		_, _ = h.WriteString(s)
		_, _ = h.Write([]byte{0xff}) // no text has this byte
	}
	_, _ = h.Write(m.Content)
	return max(h.Sum64(), 1)
}
