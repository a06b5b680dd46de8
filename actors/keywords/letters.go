package keywords

import (
	"unicode"
	"unicode/utf8"
)

// folds says what letters become that are not their own folding. It is filled once, from
// the tables.
var folds = newFolding()

// A folding maps letters to their folding, in pages of 256.
type folding struct {
	pages [256]*[256]uint16 // of the basic plane; 0: the letter itself; elsewhere: look there
	other map[rune]string
}

// elsewhere stands in a page for what does not fit into it. It is no letter.
const elsewhere = 0xffff

func newFolding() *folding {
	f := &folding{other: map[rune]string{}}
	for _, pairs := range [...]string{caseFolded, simplified} {
		for i := 0; i < len(pairs); {
			from, n := utf8.DecodeRuneInString(pairs[i:])
			to, m := utf8.DecodeRuneInString(pairs[i+n:])
			f.set(from, to, pairs[i+n:i+n+m])
			i += n + m
		}
	}
	for i := 0; i < len(caseUnfolded); {
		from, n := utf8.DecodeRuneInString(caseUnfolded[i:])
		end := i + n
		for caseUnfolded[end] != ' ' {
			end++
		}
		f.set(from, elsewhere, caseUnfolded[i+n:end])
		i = end + 1
	}
	return f
}

func (f *folding) set(from, to rune, text string) {
	if from > 0xffff || to >= elsewhere {
		f.other[from] = text
		if from > 0xffff {
			return
		}
		to = elsewhere
	}
	p := f.pages[from>>8]
	if p == nil {
		p = new([256]uint16)
		f.pages[from>>8] = p
	}
	p[from&0xff] = uint16(to)
}

// fold returns the folding of a letter; where that is none or more than one letter, more.
func (f *folding) fold(r rune) (one rune, more string) {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r, ""
	}
	if r <= 0xffff {
		p := f.pages[r>>8]
		if p == nil || p[r&0xff] == 0 {
			return r, ""
		}
		if to := p[r&0xff]; to != elsewhere {
			return rune(to), ""
		}
	}
	if text, ok := f.other[r]; ok {
		return 0, text
	}
	return r, ""
}

// A class says what a character is to a word.
type class uint8

const (
	skipped class = iota // it may stand between letters
	space                // it separates words
	letter
	digit // like a letter, and never joined with the next
)

// classOf returns the class of a character in NFKC.
func classOf(r rune) class {
	switch {
	case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || isHan(r) || '\uac00' <= r && r <= '\ud7a3':
		return letter
	case '0' <= r && r <= '9':
		return digit
	case r == ' ' || '\t' <= r && r <= '\r':
		return space
	case r < utf8.RuneSelf:
		return skipped
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return digit
	case unicode.IsSpace(r):
		return space
	case unicode.IsMark(r) && !isAccent(r):
		return letter // a vowel, where the script writes it as a mark
	}
	return skipped
}

// isHan tells whether it is a character of a common block of Chinese characters.
func isHan(r rune) bool { return '\u3400' <= r && r <= '\u9fff' && !('\u4dc0' <= r && r <= '\u4dff') }

// isAccent tells whether a mark goes on any letter, and is none of a script's own: what
// NFKC leaves of those is there to hide a word.
func isAccent(r rune) bool {
	return r <= '\u036f' || '\u1ab0' <= r && r <= '\u1aff' || '\u1dc0' <= r && r <= '\u1dff' ||
		'\u20d0' <= r && r <= '\u20ff' || '\ufe00' <= r && r <= '\ufe2f' || r >= '\U000e0100'
}

// isUnspaced tells whether the letter is of a script that writes no space between words:
// Chinese, Japanese, Thai, Lao, Tibetan, Burmese, Khmer.
func isUnspaced(r rune) bool {
	return '\u2e80' <= r && r <= '\u9fff' || '\u0e00' <= r && r <= '\u109f' || '\u1780' <= r && r <= '\u17ff' ||
		'\uf900' <= r && r <= '\ufaff' || '\U00020000' <= r && r <= '\U0003ffff'
}
