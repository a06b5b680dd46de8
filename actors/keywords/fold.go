package keywords

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A run is a letter of a folded text, with how often it stands there.
type run struct {
	letter   rune
	count    uint16 // saturates at maxCount
	gap      gap    // what is before it
	from, to uint32 // its place in the text in bytes
}

// A gap is what stands between a run and the one before.
type gap uint8

const (
	none gap = iota
	open     // what can be skipped, and may be a space of the word as well
	hard     // space that is not skipped
)

// maxCount is the most that a run counts: a word has fewer letters.
const maxCount = 63

// A Text is a text, folded. Its memory is used again by the next Fold; the zero value is
// ready for use.
type Text struct {
	runs  []run
	state folder
	found finder
}

// A folder is where folding a text has come to.
type folder struct {
	gap      gap    // behind the last run
	segment  []byte // of the text, in NFKC
	from, to int    // the place of what is added
}

// Fold folds a text of at most 4 GiB.
func (t *Text) Fold(text string) {
	t.runs = t.runs[:0]
	t.state.gap = none
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
		}
		if r == utf8.RuneError && n == 1 { // no UTF-8
			t.state.pass(skipped)
			i++
			continue
		}
		if r, ok := plain(r); ok && alone(text[i+n:]) {
			t.state.from, t.state.to = i, i+n
			t.add(r)
			i += n
			continue
		}
		i += t.addSegment(text, i)
	}
	t.settle()
}

// plain returns the character in NFKC where that is quickly known.
func plain(r rune) (rune, bool) {
	switch {
	case r < utf8.RuneSelf || isHan(r),
		'\u00c0' <= r && r <= '\u00ff', '\u0400' <= r && r <= '\u0481', // letters with accents, Cyrillic
		'\u3041' <= r && r <= '\u3096', '\u30a1' <= r && r <= '\u30fa', // kana
		'\uac00' <= r && r <= '\ud7a3', // Korean syllables
		'\u3000' < r && r <= '\u3002':
		return r, true
	case '\uff01' <= r && r <= '\uff5e': // full width
		return r - ('\uff01' - '!'), true
	case r == '\u3000':
		return ' ', true
	}
	return r, false
}

// alone tells whether a text quickly begins with something that does not combine with
// what is before it.
func alone(text string) bool {
	if len(text) < 3 {
		return len(text) == 0 || text[0] < 0xcc
	}
	switch c, d := text[0], text[1]; {
	case c < 0xcc, c == 0xd0, c == 0xd1: // below U+0300, U+0400 to U+047F
		return true
	case 0xe4 <= c && c <= 0xe9, 0xeb <= c && c <= 0xec: // U+4000 to U+9FFF, U+B000 to U+CFFF
		return true
	case c == 0xef:
		return d == 0xbc || d == 0xbd && text[2] < 0x9f // U+FF00 to U+FF5E
	case c == 0xe3:
		return d == 0x80 && text[2] <= 0x82 || d == 0x81 || d == 0x83 || d == 0x82 && text[2] > 0x9c // U+3000 to U+3002, kana
	}
	return false
}

// addSegment adds what begins at a place of the text up to where normalizing may be cut,
// and returns its length.
func (t *Text) addSegment(text string, at int) int {
	s := &t.state
	n := norm.NFKC.NextBoundaryInString(text[at:], true)
	if n <= 0 {
		n = len(text) - at
	}
	for n > 0 && text[at+n-1] >= utf8.RuneSelf && at+n < len(text) && !utf8.RuneStart(text[at+n]) {
		n++ // never within a character
	}
	s.from, s.to = at, at+n
	s.segment = norm.NFKC.AppendString(s.segment[:0], text[at:at+n])
	for segment := s.segment; len(segment) > 0; {
		r, size := utf8.DecodeRune(segment)
		segment = segment[size:]
		if r == utf8.RuneError && size == 1 {
			s.pass(skipped)
			continue
		}
		t.add(r)
	}
	return n
}

// pass notes what stands between letters.
func (s *folder) pass(c class) {
	if c == space {
		s.gap = hard // settle knows whether it is
	} else if s.gap == none {
		s.gap = open
	}
}

// add adds a character in NFKC.
func (t *Text) add(r rune) {
	c := classOf(r)
	if c < letter {
		t.state.pass(c)
		return
	}
	one, more := folds.fold(r)
	if more == "" {
		t.put(one, c)
		return
	}
	for _, r := range more {
		if c := classOf(r); c < letter {
			t.state.pass(c)
		} else {
			t.put(r, c)
		}
	}
}

// put adds a folded letter.
func (t *Text) put(r rune, c class) {
	s := &t.state
	if n := len(t.runs); n > 0 && s.gap != hard && c == letter && t.runs[n-1].letter == r {
		last := &t.runs[n-1]
		last.count, last.to = min(last.count+1, maxCount), uint32(s.to)
	} else {
		t.runs = append(t.runs, run{letter: r, count: 1, gap: s.gap, from: uint32(s.from), to: uint32(s.to)})
	}
	s.gap = none
}

// settle finds out which spaces can be skipped: those next to a script without spaces,
// and those between letters that stand alone.
func (t *Text) settle() {
	before, at := 0, 0 // letters of what stands before the space, and where the next begins
	to := 0
	for at < len(t.runs) {
		end, letters := at, 0
		for end < len(t.runs) && (end == at || t.runs[end].gap != hard) {
			letters += int(t.runs[end].count)
			end++
		}
		if first := &t.runs[at]; at > 0 && first.gap == hard {
			last := &t.runs[to-1]
			if before == 1 && letters == 1 || isUnspaced(last.letter) || isUnspaced(first.letter) {
				first.gap = open
				if last.letter == first.letter && classOf(first.letter) == letter {
					last.count, last.to = min(last.count+first.count, maxCount), first.to
					at++
				}
			}
		}
		if to == at {
			to = end
		} else {
			to += copy(t.runs[to:], t.runs[at:end])
		}
		before, at = letters, end
	}
	t.runs = t.runs[:to]
}
