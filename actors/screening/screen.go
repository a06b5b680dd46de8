package screening

import (
	"maps"
	"slices"
	"sync"
	"unicode/utf8"

	"reddot/actors/keywords"
)

// A Screen is the words of an app's lists at a moment. It is immutable, and safe for
// concurrent use.
type Screen struct {
	names []string
	sets  []*keywords.Set
}

// newScreen returns nil where no list has words.
func newScreen(lists map[string]*list) *Screen {
	s := &Screen{}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		if set := lists[name].set; set.Len() > 0 {
			s.names, s.sets = append(s.names, name), append(s.sets, set)
		}
	}
	if len(s.sets) == 0 {
		return nil
	}
	return s
}

// folders keeps the memory of folded texts.
var folders = sync.Pool{New: func() any { return new(keywords.Text) }}

// A Hit is a word that stands in a text.
type Hit struct {
	List      string
	Word      string // as it is compared
	Action    keywords.Action
	At, Count int // its place in the text, in characters
}

// A Verdict says what was found in a text.
type Verdict struct {
	Text   string                   // the text, with what is to be masked
	Counts [keywords.NumActions]int // how often each action was found
	First  [keywords.NumActions]Hit // the first hit of each action that was found
}

// Check screens a text. What follows from a word that is blocked or reviewed is the
// caller's to decide; what is masked is masked in Verdict.Text.
func (s *Screen) Check(text string) Verdict {
	v := Verdict{Text: text}
	var m keywords.Masker
	s.each(text, func(h *keywords.Hit) {
		if v.Counts[h.Action]++; v.Counts[h.Action] == 1 && h.Action != keywords.Mask {
			v.First[h.Action] = s.hit(text, h)
		}
		if h.Action == keywords.Mask {
			m.Mask(text, h.From, h.To)
		}
	})
	v.Text = m.Text(text)
	return v
}

// Hits returns up to most hits of a text, how many there are, and the text as it is masked.
func (s *Screen) Hits(text string, most int) (hits []Hit, count int, masked string) {
	var m keywords.Masker
	s.each(text, func(h *keywords.Hit) {
		if count++; count <= most {
			hits = append(hits, s.hit(text, h))
		}
		if h.Action == keywords.Mask {
			m.Mask(text, h.From, h.To)
		}
	})
	return hits, count, m.Text(text)
}

func (s *Screen) each(text string, f func(*keywords.Hit)) {
	if s == nil || text == "" {
		return
	}
	t := folders.Get().(*keywords.Text)
	defer folders.Put(t)
	t.Fold(text)
	t.Find(s.sets, f)
}

func (s *Screen) hit(text string, h *keywords.Hit) Hit {
	return Hit{List: s.names[h.Set], Word: h.Word(), Action: h.Action,
		At: utf8.RuneCountInString(text[:h.From]), Count: utf8.RuneCountInString(text[h.From:h.To])}
}
