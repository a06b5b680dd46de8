package membership

import (
	"cmp"
	"slices"
)

// Who owns shards is chosen by what all nodes have said in the store of their
// links, so that all choose alike: gossip can reach a node whose links are
// silent, and its users would be answered by nobody else.

// A candidate is a node that lives, with what it has said of its links.
type candidate struct {
	name     string
	fresh    bool            // it has said so just now
	joining  bool            // it has owned no shards yet
	yielded  bool            // it owns none, since its links are down
	up, lost map[string]bool // the nodes to which its links have spoken both ways lately, and for long have not
}

// linked tells whether both say that their link is up.
func (a *candidate) linked(b *candidate) bool { return a.up[b.name] && b.up[a.name] }

// broken tells whether one of them says that their link is lost. A link that
// is neither may still come up.
func (a *candidate) broken(b *candidate) bool { return a.lost[b.name] || b.lost[a.name] }

// parted tells whether two nodes can't own shards together. Of two that join,
// neither counts for the other before they are linked.
func (a *candidate) parted(b *candidate) bool {
	if a.joining && b.joining {
		return !a.linked(b)
	}
	return a.broken(b)
}

// choose returns the larger part, in which nobody misses anybody: of it, those
// that do not join own the shards. false: that can't be told yet. first holds
// shard 0.
func choose(all []*candidate, first string) (part []*candidate, ok bool) {
	if undecided(all) {
		return nil, false
	}
	part = slices.Clone(all)
	for {
		i := mostIsolated(part, first)
		if i < 0 {
			return part, true
		}
		part = slices.Delete(part, i, i+1)
	}
}

// admits tells whether a node that joins may own shards: it is of the larger
// part, and has spoken with all of it that do.
func admits(part []*candidate, w *candidate) bool {
	return slices.Contains(part, w) && !slices.ContainsFunc(part, func(o *candidate) bool { return !o.joining && o.fresh && !o.linked(w) })
}

// undecided tells whether all nodes are starting, and a link between them may
// still come up.
func undecided(all []*candidate) bool {
	open := false
	for i, a := range all {
		if !a.joining {
			return false
		}
		for _, b := range all[:i] {
			open = open || !a.linked(b) && !a.broken(b)
		}
	}
	return open
}

// mostIsolated returns the index of the node that misses the most others; -1:
// none misses any. Of several, one goes that would change the least.
func mostIsolated(part []*candidate, first string) int {
	holder := slices.IndexFunc(part, func(w *candidate) bool { return w.name == first })
	worst, most := -1, 0
	for i, w := range part {
		misses := 0
		for _, o := range part {
			if o != w && w.parted(o) {
				misses++
			}
		}
		if misses > most || misses == most && most > 0 && dropsBefore(w, part[worst], part, holder) {
			worst, most = i, misses
		}
	}
	return worst
}

// dropsBefore orders nodes that miss as many others: those that own nothing go
// first, then those that are apart from the holder of shard 0.
func dropsBefore(a, b *candidate, part []*candidate, holder int) bool {
	rank := func(w *candidate) int {
		switch {
		case w.joining:
			return 3
		case w.yielded:
			return 2
		case holder >= 0 && w.parted(part[holder]):
			return 1
		}
		return 0
	}
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c > 0
	}
	return a.name > b.name
}
