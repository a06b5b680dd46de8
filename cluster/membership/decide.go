package membership

import (
	"slices"
	"strings"
	"time"

	"reddot/actors"
	"reddot/cluster/wire"
)

// verdict says whether this node may go on with the members that it sees.
type verdict uint8

const (
	waiting verdict = iota // it does not know yet; nothing changes
	goOn
	cutOff
	admitted // it may say that it takes part
)

// A decision says whether this node goes on, and with whom.
type decision struct {
	verdict verdict
	owners  []string      // nil: those whom gossip has
	why     *actors.Error // it is cut off; nil: the owners tell
}

// decide says who is to own the shards. members are those that gossip has; hears
// tells from whom something has come just now; dead are those who live no more,
// whatever their signs say.
func (s *signs) decide(members []member, ready bool, hears func(name string) bool, dead map[string]bool) decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	// While the store can't be reached it can't be told who lives. Whoever owned a
	// shard may go on with it: the store has to agree to every write.
	if !ready || s.looks == 0 || s.err != nil {
		return decision{verdict: waiting}
	}
	if !s.allAnnounce(members, dead) {
		return s.decideByGossip(members, hears, dead)
	}
	all := s.candidates(dead)
	part, ok := choose(all, s.first)
	if !ok {
		return decision{verdict: waiting}
	}
	d := decision{verdict: goOn, owners: make([]string, 0, len(part))}
	for _, c := range part {
		if !c.joining {
			d.owners = append(d.owners, c.name)
		}
	}
	if s.leaving.Load() || slices.Contains(d.owners, s.self) {
		return d
	}
	d.verdict = cutOff
	if i := slices.IndexFunc(all, func(c *candidate) bool { return c.name == s.self && c.joining }); i >= 0 && admits(part, all[i]) {
		d.verdict = admitted
	}
	return d
}

// allAnnounce tells whether all nodes that live say how their links are. The
// caller holds mu.
func (s *signs) allAnnounce(members []member, dead map[string]bool) bool {
	now := time.Now()
	for name, g := range s.nodes {
		if g.lives(now) && !g.wire.Leaving && !dead[name] && !g.wire.Announces {
			return false
		}
	}
	return !slices.ContainsFunc(members, func(o member) bool { return !o.announces && !o.leaving })
}

// candidates returns the nodes that live, by their signs, and those whose links
// others say to be up. The caller holds mu.
func (s *signs) candidates(dead map[string]bool) []*candidate {
	now := time.Now()
	var all, silent []*candidate
	linked := make(map[string]bool)
	for name, g := range s.nodes {
		if g.wire.Leaving || dead[name] || !g.mayWrite(now) || name == s.self && s.leaving.Load() {
			continue
		}
		c := &candidate{name: name, fresh: g.lives(now), joining: g.wire.Joining, yielded: g.wire.Yielded, up: make(map[string]bool), lost: make(map[string]bool)}
		if !c.fresh {
			silent = append(silent, c)
			continue
		}
		all = append(all, c)
		for _, t := range g.wire.Ties {
			switch t.State {
			case wire.TieState_TIE_HOLDS:
				c.up[t.Node], linked[t.Node] = true, true
			case wire.TieState_TIE_LOST:
				c.lost[t.Node] = true
			}
		}
	}
	for _, c := range silent {
		if linked[c.name] {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *candidate) int { return strings.Compare(a.name, b.name) })
	return all
}

// decideByGossip says whether the members that gossip has, this node among them,
// are to own the shards, where an older program does not announce how its links
// are: nobody else lives, or those who do are fewer. Of two equal parts the one
// goes on that holds shard 0 in the store. The caller holds mu.
func (s *signs) decideByGossip(members []member, hears func(name string) bool, dead map[string]bool) decision {
	seen := make(map[string]bool, len(members))
	for _, o := range members {
		seen[o.name] = true
	}
	others := s.livingBeside(seen, dead)
	if len(others) == 0 {
		return decision{verdict: goOn}
	}
	// Somebody lives whom gossip has lost. Gossip loses one after the other, so
	// whoever is on this side shows by the links.
	mine := make(map[string]bool, len(members))
	for name := range seen {
		if name == s.self || hears(name) {
			mine[name] = true
		}
	}
	others = s.livingBeside(mine, dead)
	switch {
	case len(others) < len(mine), len(others) == len(mine) && mine[s.first]:
		return decision{verdict: goOn}
	case len(others) == len(mine) && !slices.Contains(others, s.first):
		// Whoever holds it is not known yet, or can't be seen to live: until the
		// next look, or until the signs are stale.
		return decision{verdict: waiting}
	}
	return decision{verdict: cutOff, why: actors.Errorf(actors.Unavailable, "this node can't reach %d of the cluster's nodes (%s), and they go on without it; try another one",
		len(others), strings.Join(others[:min(3, len(others))], ", "))}
}

// livingBeside returns who lives, by the signs, and is not among those. The
// caller holds mu.
func (s *signs) livingBeside(among, dead map[string]bool) []string {
	now := time.Now()
	var list []string
	for name, g := range s.nodes {
		if !among[name] && g.lives(now) && !g.wire.Leaving && !dead[name] {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}
