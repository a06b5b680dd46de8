package keywords

import (
	"cmp"
	"slices"
)

// A label is what a node of a trie stands for: a letter, whether a space of the word is
// before it, how often it stands there, and what is done with the word that ends there.
type label uint32

const (
	actionBits = 3
	countBits  = 6
	spaceAt    = actionBits + countBits
	letterAt   = spaceAt + 1
)

func newLabel(r *run) label {
	l := label(r.letter)<<letterAt | label(r.count)<<actionBits
	if r.gap == hard {
		l |= 1 << spaceAt
	}
	return l
}

func (l label) letter() rune   { return rune(l >> letterAt) }
func (l label) spaced() bool   { return l>>spaceAt&1 != 0 }
func (l label) count() uint16  { return uint16(l >> actionBits & (1<<countBits - 1)) }
func (l label) action() Action { return Action(l & (1<<actionBits - 1)) }
func (l label) key() label     { return l >> actionBits << actionBits } // without the action

// A trie has the words that begin with one letter. Its nodes are in the order of breadth,
// so that the children of a node stand together, in the order of their labels.
type trie struct {
	labels []label
	first  []uint32 // where the children of a node begin; the last one is the end
	roots  uint32   // how many nodes have no parent
}

// An entry is a word with its action, 0: it is to be removed.
type entry struct {
	word   []label
	action Action
}

func compare(a, b entry) int { return slices.Compare(a.word, b.word) }

// newTrie makes a trie of words, each once and in their order.
func newTrie(words []entry) *trie {
	type span struct{ from, to, depth int } // of words with the same beginning
	t := &trie{}
	queue := []span{{0, len(words), 0}}
	for i := 0; i < len(queue); i++ {
		s := queue[i]
		if i > 0 {
			t.first = append(t.first, uint32(len(t.labels)))
		}
		for s.from < s.to {
			l, end := words[s.from].word[s.depth], s.from+1
			for end < s.to && words[end].word[s.depth] == l {
				end++
			}
			below := span{s.from, end, s.depth + 1}
			if w := &words[s.from]; len(w.word) == s.depth+1 {
				l |= label(w.action)
				below.from++
			}
			t.labels = append(t.labels, l)
			queue = append(queue, below)
			s.from = end
		}
		if i == 0 {
			t.roots = uint32(len(t.labels))
		}
	}
	t.first = append(t.first, uint32(len(t.labels)))
	t.labels, t.first = slices.Clone(t.labels), slices.Clone(t.first) // no room to spare
	return t
}

// with returns the trie with changes, which are in the order of their words; nil: it has
// none. delta is by how many words it has more.
func (t *trie) with(changes []entry) (_ *trie, delta int) {
	var words []entry
	if t != nil {
		words = t.words()
	}
	had := len(words)
	merged := make([]entry, 0, had+len(changes))
	for _, c := range changes {
		i, found := slices.BinarySearchFunc(words, c, compare)
		merged = append(merged, words[:i]...)
		if words = words[i:]; found {
			words = words[1:]
		}
		if c.action != 0 {
			merged = append(merged, c)
		}
	}
	merged = append(merged, words...)
	if len(merged) == 0 {
		return nil, -had
	}
	return newTrie(merged), len(merged) - had
}

// words returns what is in the trie, in order.
func (t *trie) words() []entry {
	var all []entry
	var path []label
	var walk func(from, to uint32)
	walk = func(from, to uint32) {
		for i := from; i < to; i++ {
			l := t.labels[i]
			path = append(path, l.key())
			if a := l.action(); a != 0 {
				all = append(all, entry{slices.Clone(path), a})
			}
			walk(t.first[i], t.first[i+1])
			path = path[:len(path)-1]
		}
	}
	walk(0, t.roots)
	return all
}

// at returns where in a span of siblings the first one is whose label is not below l.
func (t *trie) at(from, to uint32, l label) uint32 {
	for to-from > 8 {
		if mid := (from + to) / 2; t.labels[mid] < l {
			from = mid + 1
		} else {
			to = mid
		}
	}
	for from < to && t.labels[from] < l {
		from++
	}
	return from
}

// word returns the word that ends at a node, as it is folded.
func (t *trie) word(node uint32) string {
	var path []label
	for {
		path = append(path, t.labels[node])
		if node < t.roots {
			break
		}
		// The parent is the last whose children begin at or before the node.
		parent, _ := slices.BinarySearchFunc(t.first, node+1, cmp.Compare[uint32])
		node = uint32(parent - 1)
	}
	slices.Reverse(path)
	return spell(path)
}

// spell writes a folded word.
func spell(word []label) string {
	b := make([]rune, 0, maxRunes)
	for i, l := range word {
		if i > 0 && l.spaced() {
			b = append(b, ' ')
		}
		for range l.count() {
			b = append(b, l.letter())
		}
	}
	return string(b)
}
