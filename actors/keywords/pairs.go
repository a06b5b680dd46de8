package keywords

// Pairs tell which two letters may begin a word, so that few places of a text are looked
// at further: a Bloom filter with one hash. They are immutable once a Set has them.
type pairs struct {
	bits []uint64 // a power of two of them
}

// bitsPerWord is how many bits there are a word at least: 1 of so many is set by chance.
const bitsPerWord = 8

// newPairs returns room for so many words.
func newPairs(words int) pairs {
	n := 16
	for n*64 < 2*bitsPerWord*words {
		n *= 2
	}
	return pairs{make([]uint64, n)}
}

// full tells whether so many words are too many.
func (p pairs) full(words int) bool { return len(p.bits)*64 < bitsPerWord*words }

func (p pairs) at(a, b rune) (word int, bit uint64) {
	h := (uint64(a)<<21 | uint64(b)) * 0x9e3779b97f4a7c15
	h >>= 32
	return int(h>>6) & (len(p.bits) - 1), 1 << (h & 63)
}

func (p pairs) has(a, b rune) bool {
	i, bit := p.at(a, b)
	return p.bits[i]&bit != 0
}

func (p pairs) set(a, b rune) {
	i, bit := p.at(a, b)
	p.bits[i] |= bit
}

// add adds the words of a trie. A word of one letter is a pair of it and nothing.
func (p pairs) add(t *trie) {
	for i := range t.roots {
		l := t.labels[i]
		if l.action() != 0 {
			p.set(l.letter(), 0)
		}
		for j := t.first[i]; j < t.first[i+1]; j++ {
			p.set(l.letter(), t.labels[j].letter())
		}
	}
}
