package keywords

import "unicode/utf8"

// A Hit is a word in a text. It is good until the text is folded again.
type Hit struct {
	Set      int // whose word it is
	Action   Action
	From, To int // its place in the text in bytes

	trie *trie
	node uint32
}

// Word returns the word as it is folded.
func (h *Hit) Word() string { return h.trie.word(h.node) }

// A finder is where finding has come to.
type finder struct {
	set  int
	best [NumActions]reached // of the words that begin at a place
}

// A reached is the longest word so far.
type reached struct {
	end  int // the run behind it; 0: there is none
	set  int
	trie *trie
	node uint32
}

// Find calls each with words of sets in the text, in the order of where they begin; of
// those that begin at one place, with the longest of an action. Allow words are not told,
// nor what is within one.
func (t *Text) Find(sets []*Set, each func(*Hit)) {
	f, allowed := &t.found, 0 // up to which run
	for i := range t.runs {
		any, second := false, rune(0)
		if i+1 < len(t.runs) {
			second = t.runs[i+1].letter
		}
		for n, s := range sets {
			if s.Len() == 0 {
				continue
			}
			if trie := s.trie(t.runs[i].letter, second); trie != nil {
				if !any {
					f.best, any = [NumActions]reached{}, true
				}
				f.set = n
				t.branch(trie, 0, trie.roots, i, label(t.runs[i].letter)<<letterAt)
			}
		}
		if !any {
			continue
		}
		allowed = max(allowed, f.best[Allow].end)
		for a := Block; a < Allow; a++ {
			if b := &f.best[a]; b.end > allowed {
				each(&Hit{Set: b.set, Action: a, From: int(t.runs[i].from), To: int(t.runs[b.end-1].to), trie: b.trie, node: b.node})
			}
		}
	}
	f.best = [NumActions]reached{} // holds no trie
}

// branch goes on with those of some siblings whose label, but for its count, is that of
// the run i.
func (t *Text) branch(trie *trie, from, to uint32, i int, key label) {
	r := &t.runs[i]
	for n := trie.at(from, to, key); n < to; n++ {
		l := trie.labels[n]
		if l>>spaceAt != key>>spaceAt || l.count() > r.count {
			return
		}
		if a := l.action(); a != 0 && i+1 > t.found.best[a].end {
			t.found.best[a] = reached{i + 1, t.found.set, trie, n}
		}
		if below, end := trie.first[n], trie.first[n+1]; below < end && i+1 < len(t.runs) {
			t.descend(trie, below, end, i+1)
		}
	}
}

// descend goes on with the run i, by its letter and by the gap before it.
func (t *Text) descend(trie *trie, from, to uint32, i int) {
	key := label(t.runs[i].letter) << letterAt
	gap := t.runs[i].gap
	if gap != hard {
		t.branch(trie, from, to, i, key)
	}
	if gap != none {
		t.branch(trie, from, to, i, key|1<<spaceAt)
	}
}

// A Masker writes a text in which places are masked. Its zero value is ready for use.
type Masker struct {
	out  []byte
	done int // bytes of the text
}

// Mask masks a place of the text. Places come in the order of where they begin.
func (m *Masker) Mask(text string, from, to int) {
	if from > m.done {
		m.out = append(m.out, text[m.done:from]...)
		m.done = from
	}
	for m.done < to {
		_, n := utf8.DecodeRuneInString(text[m.done:])
		m.out = append(m.out, '*')
		m.done += n
	}
}

// Text returns the text as it is masked.
func (m *Masker) Text(text string) string {
	if m.done == 0 {
		return text
	}
	return string(append(m.out, text[m.done:]...))
}
