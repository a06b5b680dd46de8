package rule

import (
	"strconv"

	"reddot/actors"
)

// A limit is a cap: at most max deliveries in any span of time that is as long as per.
type limit struct {
	max                       int
	per                       int64  // milliseconds
	text                      string // of per
	category, tenant, channel string // empty: of all together; each: of every one by itself
}

// each, in the place of a name, counts what has the same one together.
const each = "*"

// concerns tells whether the cap counts the message.
func (l *limit) concerns(c *Candidate) bool {
	fits := func(want, have string) bool { return want == "" || want == each || want == have }
	return fits(l.category, c.Category) && fits(l.tenant, c.Tenant) && fits(l.channel, c.Channel)
}

// scope stands for what is counted together with the message. It is kept in the journal.
func (l *limit) scope(c *Candidate) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	add := func(want, have string) {
		if want != "" {
			for i := range len(have) {
				h = (h ^ uint64(have[i])) * 1099511628211
			}
			h = (h ^ 0xfe) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211 // no text has these bytes
	}
	add(l.category, c.Category)
	add(l.tenant, c.Tenant)
	add(l.channel, c.Channel)
	return h
}

// name says what the cap counts, for people: "3 in 24h of category promo".
func (l *limit) name(c *Candidate) string {
	text := strconv.Itoa(l.max) + " in " + l.text
	before := " of "
	for _, part := range []struct{ what, want, have string }{
		{"category ", l.category, c.Category}, {"tenant ", l.tenant, c.Tenant}, {"channel ", l.channel, c.Channel},
	} {
		if part.want == "" {
			continue
		}
		if part.have == "" {
			part.what, part.have = "no ", "tenant"
		}
		text += before + part.what + part.have
		before = ", "
	}
	return text
}

// caps stops, or gathers, what would be one delivery too many.
func (h *hearing) caps() Do {
	var said string
	for i := range h.p.caps {
		l := &h.p.caps[i]
		if !l.concerns(h.c) {
			continue
		}
		scope := l.scope(h.c)
		if h.s.reached(scope, l.max, h.now-l.per) {
			f := finding{do: h.p.onCapped, value: l.name(h.c)}
			if f.do == Gather {
				f = h.gathered(f, Filter)
			}
			return h.says(f)
		}
		if h.full {
			if said != "" {
				said += "; "
			}
			said += strconv.Itoa(h.s.countSince(scope, h.now-l.per)) + " of " + l.name(h.c)
		}
	}
	if h.full {
		h.says(finding{value: said})
	}
	return Deliver
}

// spend returns a verdict with what a delivery spends: once what several caps count
// together.
func (h *hearing) spend() *actors.Verdict {
	if len(h.p.caps) == 0 || h.isPassed(actors.Rule_CAP) {
		return &actors.Verdict{}
	}
	var list [maxCaps]spentBy
	n := 0
	for i := range h.p.caps {
		l := &h.p.caps[i]
		if !l.concerns(h.c) {
			continue
		}
		scope := l.scope(h.c)
		at := 0
		for at < n && list[at].scope != scope {
			at++
		}
		n = max(n, at+1)
		list[at] = spentBy{scope, max(list[at].keep, uint32(l.max)), max(list[at].window, l.per)}
	}
	return spentVerdict(list[:n])
}

type spentBy struct {
	scope  uint64
	keep   uint32
	window int64
}

// fewSpent is how many a verdict has in one piece of memory.
const fewSpent = 3

func spentVerdict(list []spentBy) *actors.Verdict {
	var v *actors.Verdict
	var spent []actors.Spent
	switch n := len(list); {
	case n == 0:
		return &actors.Verdict{}
	case n <= fewSpent:
		piece := &struct {
			verdict actors.Verdict
			spent   [fewSpent]actors.Spent
			list    [fewSpent]*actors.Spent
		}{}
		v, spent = &piece.verdict, piece.spent[:]
		v.Spent = piece.list[:n]
	default:
		v, spent = &actors.Verdict{Spent: make([]*actors.Spent, n)}, make([]actors.Spent, n)
	}
	for i, s := range list {
		spent[i].Scope, spent[i].Keep, spent[i].Window = s.scope, s.keep, s.window
		v.Spent[i] = &spent[i]
	}
	return v
}
