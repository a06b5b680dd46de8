package membership

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// candidatesOf returns nodes with links as text says: names of one letter, joiners in
// capitals, yielded ones with a prime; "a-b" is a link that is up, "a/b" one that is
// lost, and others may still come up.
func candidatesOf(t *testing.T, nodes, links string) []*candidate {
	t.Helper()
	var all []*candidate
	by := make(map[string]*candidate)
	for _, f := range strings.Fields(nodes) {
		w := &candidate{name: strings.ToLower(strings.Trim(f, "'?")), fresh: !strings.HasSuffix(f, "?"), joining: strings.ToLower(f) != f, yielded: strings.HasSuffix(f, "'"),
			up: map[string]bool{}, lost: map[string]bool{}}
		all, by[w.name] = append(all, w), w
	}
	for _, f := range strings.Fields(links) {
		a, b := by[f[:1]], by[f[2:]]
		switch f[1] {
		case '-':
			a.up[b.name], b.up[a.name] = true, true
		case '/':
			a.lost[b.name] = true // that one says so is enough
		default:
			t.Fatalf("%q is no link", f)
		}
	}
	return all
}

// names tells who is to own shards, or may.
func names(part []*candidate) string {
	var b strings.Builder
	for _, w := range part {
		if !w.joining || admits(part, w) {
			b.WriteString(w.name)
		}
	}
	return b.String()
}

// TestChoose says who goes on.
func TestChoose(t *testing.T) {
	for _, c := range []struct{ name, nodes, links, first, want string }{
		{"all linked", "a b c", "a-b a-c b-c", "b", "abc"},
		{"a link that may come up again", "a b c", "a-b a-c", "b", "abc"},
		{"the links of one are silent", "a b c", "a-b a/c b/c", "c", "ab"},
		{"the links of one are silent, two nodes", "a b", "a/b", "b", "b"},
		{"nobody holds shard 0", "a b", "a/b", "", "a"},
		{"who yielded does not come back before its links", "a b'", "a/b", "x", "a"},
		{"who yielded does not push the holder of shard 0 out", "a' b", "a/b", "a", "b"},
		{"a pair of five", "a b c d e", "a/b", "c", "acde"},
		{"a pair of five, one of them holds shard 0", "a b c d e", "a/b", "b", "bcde"},
		{"halves", "a b c d", "a/b a/c d/b d/c", "b", "bc"},
		{"halves, the other one", "a b c d", "a/b a/c d/b d/c", "d", "ad"},
		{"all links are silent", "a b c", "a/b a/c b/c", "b", "b"},
		{"a star", "a b c", "a-b a-c b/c", "c", "ac"},
		{"the first one", "A", "", "", "a"},
		{"two start", "A B", "", "", "?"},
		{"two have started", "A B", "a-b", "", "ab"},
		{"two can't reach each other", "A B", "a/b", "", "a"},
		{"one joins, and has not spoken yet", "a b C", "a-b a-c", "a", "ab"},
		{"one joins", "a b C", "a-b a-c b-c", "a", "abc"},
		{"one joins with silent links", "a C", "a/c", "a", "a"},
		{"two join the first, whose links are silent", "a B C", "b-c a/b a/c", "a", "bc"},
		{"two join the first, and no link speaks", "a B C", "a/b a/c", "a", "a"},
		{"two join the first, and speak with each other before", "a B C", "b-c", "a", "a"},
		{"one joins while a dead one's sign is fresh", "a b C", "a-c", "a", "ab"},
		{"one joins while a dead one's sign is not fresh", "a b? C", "a-c", "a", "abc"},
		{"nobody", "", "", "", ""},
	} {
		got, ok := choose(candidatesOf(t, c.nodes, c.links), c.first)
		text := names(got)
		if !ok {
			text = "?"
		}
		if text != c.want {
			t.Errorf("%s: %s goes on, want %s", c.name, text, c.want)
		}
	}
}

// TestChooseParts lets random networks fall into parts: the largest goes on,
// whole, whatever the order; and who goes on is linked to each other in any
// network.
func TestChooseParts(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 0))
		n := 2 + rng.IntN(6)
		side := make([]int, n)
		size := map[int]int{}
		for i := range side {
			side[i] = rng.IntN(3)
			size[side[i]]++
		}
		extra := seed%2 == 1 // further links are lost
		var nodes, links []string
		for i := range n {
			nodes = append(nodes, string(rune('a'+i)))
			for j := range i {
				sign := "-"
				if side[i] != side[j] || extra && rng.IntN(4) == 0 {
					sign = "/"
				}
				links = append(links, fmt.Sprintf("%c%s%c", 'a'+i, sign, 'a'+j))
			}
		}
		all := candidatesOf(t, strings.Join(nodes, " "), strings.Join(links, " "))
		first := nodes[rng.IntN(n)]
		got, _ := choose(all, first)
		rng.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
		again, _ := choose(all, first)
		a, b := []byte(names(got)), []byte(names(again))
		slices.Sort(a)
		slices.Sort(b)
		if string(a) != string(b) {
			t.Fatalf("seed %d: %s and %s in another order", seed, a, b)
		}
		for _, x := range got {
			for _, y := range got {
				if x != y && !x.linked(y) {
					t.Fatalf("seed %d: %s go on, and %s has no link to %s", seed, a, x.name, y.name)
				}
			}
		}
		most := 0
		for _, s := range size {
			most = max(most, s)
		}
		if !extra && len(got) != most {
			t.Fatalf("seed %d: %s go on, of parts of %v", seed, a, size)
		}
		if len(got) == 0 {
			t.Fatalf("seed %d: nobody goes on", seed)
		}
	}
}
