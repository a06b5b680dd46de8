package keywords

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"reddot/actors"
)

// An Action is what is done with a text that has a word.
type Action uint8

// The actions. Allow is of words in which others are found by chance.
const (
	Block Action = iota + 1
	Review
	Mask
	Allow

	NumActions = int(Allow) + 1
)

var actionNames = [NumActions]string{"", "block", "review", "mask", "allow"}

// String returns the action's word.
func (a Action) String() string { return actionNames[a] }

// ParseAction returns the action of the word.
func ParseAction(word string) (Action, error) {
	if i := slices.Index(actionNames[1:], word); i >= 0 {
		return Action(i + 1), nil
	}
	return 0, &actors.Error{Code: actors.Invalid, Field: "action", Detail: "action: it must be block, mask, review or allow"}
}

// maxRunes is how many characters a word has at most, as it is written and as it is folded.
const maxRunes = 32

// A Word is a keyword, folded. The zero Word is none.
type Word struct{ labels []label }

// ParseWord returns the word. The error names the field "word".
func ParseWord(text string) (Word, error) {
	wrong := func(detail string, args ...any) (Word, error) {
		return Word{}, &actors.Error{Code: actors.Invalid, Field: "word", Detail: "word: " + fmt.Sprintf(detail, args...)}
	}
	switch {
	case text == "":
		return wrong("it is empty")
	case !utf8.ValidString(text):
		return wrong("it is no UTF-8")
	case len(text) > maxRunes*utf8.UTFMax || utf8.RuneCountInString(text) > maxRunes:
		return wrong("at most %d characters are allowed", maxRunes)
	case strings.ContainsFunc(text, unicode.IsControl):
		return wrong("it holds a control character")
	}
	var t Text
	t.Fold(text)
	w, letters := Word{make([]label, len(t.runs))}, 0
	for i := range t.runs {
		if letters += int(t.runs[i].count); i == 0 {
			t.runs[i].gap = none
		}
		w.labels[i] = newLabel(&t.runs[i])
	}
	switch {
	case letters == 0:
		return wrong("it has no letter and no digit; other characters are skipped")
	case letters > maxRunes:
		return wrong("it has more than %d characters when compatible ones are taken apart", maxRunes)
	}
	return w, nil
}

// Folded returns the word as it is compared: two words that have the same are one.
func (w Word) Folded() string { return spell(w.labels) }

// A Change sets the action of a word, or removes it from a Set with action 0.
type Change struct {
	Word   Word
	Action Action
}

// A Set is words, each with its action. A nil Set has none. It is immutable, and safe for
// concurrent use.
type Set struct {
	pages []*page // of tries by the first letter of their words
	pairs pairs
	words int
}

// A page has the tries of 256 letters.
type page [256]*trie

// Len returns how many words there are.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.words
}

// trie returns the words that may begin with two letters; nil: there are none.
func (s *Set) trie(first, second rune) *trie {
	if !s.pairs.has(first, second) && !s.pairs.has(first, 0) {
		return nil
	}
	if i := int(first >> 8); i < len(s.pages) && s.pages[i] != nil {
		return s.pages[i][first&0xff]
	}
	return nil
}

// Action returns what is done with a word; 0: it is not in the set.
func (s *Set) Action(w Word) Action {
	if s.Len() == 0 {
		return 0
	}
	second := rune(0)
	if len(w.labels) > 1 {
		second = w.labels[1].letter()
	}
	t := s.trie(w.labels[0].letter(), second)
	if t == nil {
		return 0
	}
	from, to, found := uint32(0), t.roots, Action(0)
	for _, l := range w.labels {
		n := t.at(from, to, l)
		if n == to || t.labels[n].key() != l {
			return 0
		}
		from, to, found = t.first[n], t.first[n+1], t.labels[n].action()
	}
	return found
}

// Each calls f with all words.
func (s *Set) Each(f func(Word, Action)) {
	s.tries(func(t *trie) {
		for _, e := range t.words() {
			f(Word{e.word}, e.action)
		}
	})
}

// tries calls f with what the words are kept in.
func (s *Set) tries(f func(*trie)) {
	if s == nil {
		return
	}
	for _, p := range s.pages {
		if p == nil {
			continue
		}
		for _, t := range p {
			if t != nil {
				f(t)
			}
		}
	}
}

// With returns the set with changes; of several to one word the last one counts.
func (s *Set) With(changes []Change) *Set {
	if s == nil {
		s = &Set{}
	}
	next := &Set{pages: slices.Clone(s.pages), words: s.words}
	all := make([]entry, len(changes))
	for i, c := range changes {
		all[i] = entry{c.Word.labels, c.Action}
	}
	slices.SortStableFunc(all, compare)
	fresh := map[int]bool{} // pages that are not shared
	var changed []*trie
	for len(all) > 0 {
		first := all[0].word[0].letter()
		var same []entry
		for len(all) > 0 && all[0].word[0].letter() == first {
			if n := len(same); n > 0 && compare(same[n-1], all[0]) == 0 {
				same[n-1] = all[0]
			} else {
				same = append(same, all[0])
			}
			all = all[1:]
		}
		i := int(first >> 8)
		for i >= len(next.pages) {
			next.pages = append(next.pages, nil)
		}
		if !fresh[i] {
			fresh[i] = true
			p := new(page)
			if next.pages[i] != nil {
				*p = *next.pages[i]
			}
			next.pages[i] = p
		}
		t, delta := next.pages[i][first&0xff].with(same)
		next.pages[i][first&0xff] = t
		next.words += delta
		if t != nil {
			changed = append(changed, t)
		}
	}
	next.pairUp(changed, s.pairs)
	return next
}

// pairUp notes the pairs of letters that words begin with; before are those of all tries
// but the changed ones.
func (s *Set) pairUp(changed []*trie, before pairs) {
	if len(before.bits) > 0 && !before.full(s.words) {
		s.pairs = pairs{slices.Clone(before.bits)}
		for _, t := range changed {
			s.pairs.add(t)
		}
		return
	}
	s.pairs = newPairs(s.words)
	s.tries(s.pairs.add)
}
