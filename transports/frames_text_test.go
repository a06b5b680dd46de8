package transports_test

import (
	"fmt"
	"testing"
	"unicode/utf8"
)

// validTexts are at the borders of what UTF-8 has (RFC 3629 section 4).
var validTexts = []string{
	"Hello", "κόσμε", "grüße, 你好, 😀", "\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\uffff",
	"\U00010000", "\U0001fffe", "\U000fffff", "\U0010fffe", "\U0010ffff", "\ufeff", "e\u0301",
}

// invalidTexts break off, or have bytes that UTF-8 has not.
var invalidTexts = []string{
	"\x80", "\xbf", "\x80\xbf\x80\xbf", // continuations of nothing
	"\xc0", "\xc1", "\xf5", "\xf8", "\xfe", "\xff", // no such bytes
	"\xc3", "\xe1\xbd", "\xf0\x9f\x98", "a\xc3 b", "\xe1 \xbd\xb9", "\xf0\x9f\x98x", // cut
	"\xc0\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf", // longer than need be
	"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xb0\x80", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80", // surrogates
	"\xf4\x90\x80\x80", "\xf7\xbf\xbf\xbf", "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", // beyond the last
	"κόσμε\xed\xa0\x80edited",
}

// Group 6: texts are UTF-8 (RFC 6455 sections 5.6 and 8.1), however they are
// cut.
func TestTexts(t *testing.T) {
	var cases []frameCase
	for _, list := range [][]string{validTexts, invalidTexts} {
		for _, s := range list {
			want := "error"
			if !utf8.ValidString(s) {
				want = "close 1007"
			}
			each := begin("")
			for i := range len(s) {
				each = append(each, more(s[i:i+1])...)
			}
			cases = append(cases,
				frameCase{fmt.Sprintf("%q", s), text(s), want},
				frameCase{fmt.Sprintf("%q in octets", s), append(each, last("")...), want})
		}
	}
	playFrames(t, cases)
}

// A text that cannot become valid is refused at once, without the rest being
// waited for: behind a fragment, and within a frame.
func TestTextsFailFast(t *testing.T) {
	var cases []frameCase
	for _, s := range invalidTexts {
		// What is only cut may still become valid.
		whole := s
		for len(whole) > 0 && !utf8.FullRuneInString(whole[lastStart(whole):]) {
			whole = whole[:lastStart(whole)]
		}
		if utf8.ValidString(whole) {
			continue
		}
		frame := text(s + "0123456789")
		cases = append(cases,
			frameCase{fmt.Sprintf("%q behind a fragment", s), join(begin("κό"), more(s)), "close 1007"},
			frameCase{fmt.Sprintf("%q within a frame", s), frame[:len(frame)-10], "close 1007"})
	}
	if len(cases) < 40 {
		t.Errorf("only %d cases", len(cases))
	}
	playFrames(t, cases)
}

// lastStart returns where the last character begins.
func lastStart(s string) int {
	i := len(s) - 1
	for i > 0 && i > len(s)-utf8.UTFMax && !utf8.RuneStart(s[i]) {
		i--
	}
	return max(i, 0)
}
