package keywords

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/text/unicode/norm"

	"reddot/actors"
)

// setOf makes a set of "word action" texts.
func setOf(t testing.TB, words ...string) *Set {
	t.Helper()
	var s *Set
	for _, w := range words { // one by one: each is a change
		i := strings.LastIndexByte(w, ' ')
		a, err := ParseAction(w[i+1:])
		if err != nil {
			t.Fatal(err)
		}
		s = s.With([]Change{{word(t, w[:i]), a}})
	}
	return s
}

func word(t testing.TB, text string) Word {
	t.Helper()
	w, err := ParseWord(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return w
}

// find tells what is found in a text.
func find(text string, sets ...*Set) string {
	var t Text
	t.Fold(text)
	var all []string
	t.Find(sets, func(h *Hit) {
		all = append(all, fmt.Sprintf("%s %s %q", h.Action, h.Word(), text[h.From:h.To]))
	})
	return strings.Join(all, "; ")
}

func TestFind(t *testing.T) {
	set := setOf(t, "bad block", "ass mask", "class allow", "法轮功 block", "習近平 review", "straße mask", "bad word review", "100 mask", "天天 mask", "café block", "株式 mask", "a-b-c block")
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "good 好 news", ""},
		{"empty", "", ""},
		{"case", "so BaD!", `block bad "BaD"`},
		{"full width", "ｂａｄ", `block bad "ｂａｄ"`},
		{"letters in circles", "ⓑⓐⓓ", `block bad "ⓑⓐⓓ"`},
		{"symbols between", "b.a*d b-\u200ba_d", `block bad "b.a*d"; block bad "b-` + "\u200b" + `a_d"`},
		{"accents that compose with nothing", "b\u0336a\u0336d\u0336", "block bad \"b\u0336a\u0336d\u0336\""},
		{"letters that stand alone", "b a d", `block bad "b a d"`},
		{"words are apart", "ab adam", ""},
		{"repeated", "baaaaddd", `block bad "baaaaddd"`},
		{"repeated in the word", "as ass asss", `mask ass "ass"; mask ass "asss"`},
		{"allowed", "class ass classs", `mask ass "ass"`},
		{"traditional", "法輪功", `block 法轮功 "法輪功"`},
		{"simplified", "习近平", `review 习近平 "习近平"`},
		{"with stars", "法★轮 ☆ 功", `block 法轮功 "法★轮 ☆ 功"`},
		{"longer folding", "STRASSE Straße", `mask strasse "STRASSE"; mask ass "ASS"; mask strasse "Straße"; mask ass "aß"`},
		{"a space in the word", "badword bad  word bad-word", `block bad "bad"; block bad "bad"; review bad word "bad  word"; block bad "bad"; review bad word "bad-word"`},
		{"numbers are not joined", "1100 1000 10", `mask 100 "100"; mask 100 "100"`},
		{"doubled in the word", "天 天天", `mask 天天 "天 天天"`},
		{"doubled", "天", ""},
		{"composed and not", "cafe\u0301 café cafe", "block café \"cafe\u0301\"; block café \"café\""},
		{"part of one character", "㍿", `mask 株式 "㍿"`},
		{"symbols of the word", "abc", `block abc "abc"`},
		{"no UTF-8", "b\xffad\xf0", `block bad "b` + "\xff" + `ad"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := find(c.text, set)
			if want := strings.ReplaceAll(c.want, "\xff", `\xff`); got != want && got != quoteAll(c.want) {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// quoteAll writes what %q escapes.
func quoteAll(s string) string {
	return strings.NewReplacer("\u200b", `\u200b`, "\u0336", `\u0336`, "\u0301", "\u0301", "\xff", `\xff`).Replace(s)
}

func TestAllowHoldsAcrossSets(t *testing.T) {
	deny, allow := setOf(t, "sex block", "essex county block"), setOf(t, "essex allow", "sussex allow", "sex education allow")
	for text, want := range map[string]string{
		"sex":              `block sex "sex"`,
		"in Essex":         "",
		"sussex, sex":      `block sex "sex"`,
		"sex education":    "",
		"sex educators":    `block sex "sex"`,
		"Essex County":     `block essex county "Essex County"`,
		"essexsex":         `block sex "sex"`,
		"sussex and essex": "",
	} {
		for _, sets := range [][]*Set{{deny, allow}, {allow, nil, deny}} {
			if got := find(text, sets...); got != want {
				t.Errorf("%s: got %s, want %s", text, got, want)
			}
		}
	}
}

func TestParseWord(t *testing.T) {
	for text, want := range map[string]string{
		"": "empty", "★★": "no letter", "a\nb": "control", "a\xff": "UTF-8", strings.Repeat("a", 33): "at most 32", strings.Repeat("㍿", 9): "more than 32",
		strings.Repeat("字", 32): "", "a": "", "1": "",
	} {
		_, err := ParseWord(text)
		e := actors.AsError(err)
		switch {
		case want == "" && err != nil, want != "" && err == nil:
			t.Errorf("%q: got %v", text, err)
		case err != nil && (e.Code != actors.Invalid || e.Field != "word" || !strings.Contains(e.Detail, want)):
			t.Errorf("%q: got %v", text, err)
		}
	}
	for text, want := range map[string]string{"  Bad--Word ": "badword", "Bad   Word": "bad word", "b o o k": "book", "書 店": "书店", "A1": "a1"} {
		if got := word(t, text).Folded(); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if _, err := ParseAction("drop"); actors.AsError(err).Field != "action" {
		t.Errorf("got %v", err)
	}
	if _, err := ParseAction(""); err == nil {
		t.Error("no action is one")
	}
}

// random texts of few letters, so that words are found, with what hides them.
var hiding = []rune("aabbc12  .-*AB字字詞词法ä\u0301\u200b１ａ㍿ßⓐ")

func random(r *rand.Rand, most int) string {
	var b strings.Builder
	for range r.IntN(most + 1) {
		b.WriteRune(hiding[r.IntN(len(hiding))])
	}
	return b.String()
}

// TestRandom changes sets and compares what they find with what a naive finder does.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	sets, models := make([]*Set, 2), []map[string]Change{{}, {}}
	for step := range 6000 {
		n := r.IntN(2)
		var changes []Change
		for range 1 + r.IntN(3) {
			w, err := ParseWord(random(r, 6))
			if err != nil {
				continue
			}
			c := Change{w, Action(r.IntN(NumActions))}
			if changes = append(changes, c); c.Action == 0 {
				delete(models[n], w.Folded())
			} else {
				models[n][w.Folded()] = c
			}
		}
		old, before := sets[n], find("abc字词法 a b 12", sets[n])
		if sets[n] = sets[n].With(changes); find("abc字词法 a b 12", old) != before {
			t.Fatalf("seed %d, step %d: a set has changed", seed, step)
		}
		if len(models[n]) > 40 {
			sets[n], models[n] = nil, map[string]Change{}
		}
		if sets[n].Len() != len(models[n]) {
			t.Fatalf("seed %d, step %d: %d words, want %d", seed, step, sets[n].Len(), len(models[n]))
		}
		for _, c := range changes {
			if got := sets[n].Action(c.Word); got != models[n][c.Word.Folded()].Action {
				t.Fatalf("seed %d, step %d: %q has the action %v", seed, step, c.Word.Folded(), got)
			}
		}
		left := len(models[n])
		sets[n].Each(func(w Word, a Action) {
			if left--; models[n][w.Folded()].Action != a {
				t.Fatalf("seed %d, step %d: %q has the action %v", seed, step, w.Folded(), a)
			}
		})
		if left != 0 {
			t.Fatalf("seed %d, step %d: %d words are not told", seed, step, left)
		}
		text := random(r, 30)
		var x Text
		x.Fold(text)
		want := naive(&x, models)
		x.Find(sets, func(h *Hit) {
			if len(want) == 0 || h.Action != want[0].action || h.From != want[0].from || h.To != want[0].to || !slices.Contains(want[0].words, fmt.Sprint(h.Set, h.Word())) {
				t.Fatalf("seed %d, step %d: in %q got %s %s at %d, want %v", seed, step, text, h.Action, h.Word(), h.From, want)
			}
			want = want[1:]
		})
		if len(want) > 0 {
			t.Fatalf("seed %d, step %d: in %q these are not found: %v", seed, step, text, want)
		}
	}
}

// A naiveHit is a place of a text with the words that end there, each with its set.
type naiveHit struct {
	action   Action
	from, to int
	words    []string
}

// naive finds words by looking for each at each place.
func naive(t *Text, sets []map[string]Change) (found []naiveHit) {
	type span struct {
		from, to int
		action   Action
		word     string
	}
	var all []span
	for n, set := range sets {
		for spelled, c := range set {
			for i := range t.runs {
				if end := i + len(c.Word.labels); end <= len(t.runs) && matches(t.runs[i:end], c.Word.labels) {
					all = append(all, span{i, end, c.Action, fmt.Sprint(n, spelled)})
				}
			}
		}
	}
	for i := range t.runs {
		for a := Block; a < Allow; a++ {
			end, words := 0, []string(nil)
			for _, s := range all {
				if s.from != i || s.action != a || s.to < end {
					continue
				}
				if s.to > end {
					end, words = s.to, nil
				}
				words = append(words, s.word)
			}
			if end > 0 && !slices.ContainsFunc(all, func(s span) bool { return s.action == Allow && s.from <= i && s.to >= end }) {
				found = append(found, naiveHit{a, int(t.runs[i].from), int(t.runs[end-1].to), words})
			}
		}
	}
	return found
}

func matches(runs []run, word []label) bool {
	for i, l := range word {
		r := runs[i]
		spaced := l.spaced()
		if l.letter() != r.letter || l.count() > r.count || i > 0 && (r.gap == none && spaced || r.gap == hard && !spaced) {
			return false
		}
	}
	return true
}

// FuzzFind looks for words in any text.
func FuzzFind(f *testing.F) {
	set := setOf(f, "bad block", "a mask", "字 review", "ss mask", "1 allow", "ab c mask")
	for _, s := range []string{"", "bad", "b a d", "ｂａｄ", "㍿", "\xff\xfea", "e\u0301\u0301", "각", "ß ſ K", strings.Repeat("\u0301", 40), "한국어", "ﷺ", "ab  c", "か\u3099ｶﾞ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var x, y Text
		x.Fold(text)
		last := uint32(0)
		for _, r := range x.runs {
			if r.from < last || int(r.to) > len(text) || r.to <= r.from {
				t.Fatalf("%q: a run from %d to %d", text, r.from, r.to)
			}
			last = r.from
		}
		if utf8.ValidString(text) { // normalized as a whole it is folded to the same
			y.Fold(norm.NFKC.String(text))
			if got, want := letters(&x), letters(&y); got != want {
				t.Errorf("%q: got %q, want %q", text, got, want)
			}
		}
		var m Masker
		hit := make([]bool, len(text)+1)
		x.Find([]*Set{set}, func(h *Hit) {
			m.Mask(text, h.From, h.To)
			for i := h.From; i < h.To; i++ {
				hit[i] = true
			}
		})
		masked := m.Text(text)
		if utf8.RuneCountInString(masked) != utf8.RuneCountInString(text) {
			t.Fatalf("%q: %q has another number of characters", text, masked)
		}
		for i := 0; i < len(text); {
			_, n := utf8.DecodeRuneInString(text[i:])
			if hit[i] {
				if masked[0] != '*' {
					t.Fatalf("%q: %q is left", text, masked)
				}
				masked = masked[1:]
			} else {
				if masked[:n] != text[i:i+n] {
					t.Fatalf("%q: %q at %d", text, masked, i)
				}
				masked = masked[n:]
			}
			i += n
		}
	})
}

func letters(t *Text) string {
	var b strings.Builder
	for _, r := range t.runs {
		if r.gap == hard {
			b.WriteByte(' ')
		}
		for range r.count {
			b.WriteRune(r.letter)
		}
	}
	return b.String()
}

// chinese makes words, and a text, of common characters.
func chinese(r *rand.Rand, n int) string {
	b := make([]rune, n)
	for i := range b {
		b[i] = '\u4e00' + rune(r.ExpFloat64()*900)%0x5000
	}
	return string(b)
}

// many makes a set of so many Chinese words, and a text without any of them.
func many(t testing.TB, n int) (*Set, string) {
	r := rand.New(rand.NewPCG(1, 2))
	changes := make([]Change, 0, n)
	seen := map[string]bool{}
	for len(changes) < n {
		w := word(t, chinese(r, 2+r.IntN(5)))
		if !seen[w.Folded()] {
			seen[w.Folded()] = true
			changes = append(changes, Change{w, Block})
		}
	}
	var b strings.Builder
	for b.Len() < 6000 {
		b.WriteString(chinese(r, 1+r.IntN(20)))
		b.WriteString("，")
	}
	return (*Set)(nil).With(changes), string([]rune(b.String())[:2000])
}

// TestManyWords: 100,000 words take 5 MB at most.
func TestManyWords(t *testing.T) {
	s, _ := many(t, 100_000)
	size := 8 * (cap(s.pages) + len(s.pairs.bits))
	for _, p := range s.pages {
		if p != nil {
			size += int(unsafe.Sizeof(*p))
		}
	}
	s.tries(func(t *trie) { size += 4*(len(t.labels)+len(t.first)) + int(unsafe.Sizeof(*t)) })
	if s.Len() != 100_000 || size > 5<<20 {
		t.Errorf("%d words have %d bytes", s.Len(), size)
	}
	t.Logf("%d words have %d bytes", s.Len(), size)
}

// BenchmarkFind folds 2,000 characters and looks for 100,000 words in them.
func BenchmarkFind(b *testing.B) {
	s, text := many(b, 100_000)
	var t Text
	hits := 0
	b.Run("2000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t.Fold(text)
			t.Find([]*Set{s}, func(*Hit) { hits++ })
		}
	})
	b.Run("fold", func(b *testing.B) {
		for b.Loop() {
			t.Fold(text)
		}
	})
	b.Run("english", func(b *testing.B) {
		english := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 45)[:2000]
		for b.Loop() {
			t.Fold(english)
			t.Find([]*Set{s}, func(*Hit) { hits++ })
		}
	})
}

// BenchmarkWith changes one of 100,000 words.
func BenchmarkWith(b *testing.B) {
	s, _ := many(b, 100_000)
	w := word(b, "\u4e05\u4e06法")
	for b.Loop() {
		s.With([]Change{{w, Block}})
	}
}
