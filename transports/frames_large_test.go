package transports_test

import (
	"fmt"
	"strings"
	"testing"

	"reddot/transports"
)

// Groups 9 and 10: long messages, and long ones in fragments and pieces of any
// size. The bound holds for the message (RFC 6455 section 7.4.1: 1009).
func TestLongMessages(t *testing.T) {
	limit := transports.Limits{}.WithDefaults().MaxFrame
	fragments := func(s string, size int) []byte {
		b := begin("")
		for ; len(s) > size; s = s[size:] {
			b = append(b, more(s[:size])...)
		}
		return append(b, last(s)...)
	}
	cases := []frameCase{
		{"one above the bound", text(ask(1, limit+1)), "close 1009"},
		{"the head of one far above", text(ask(1, 16<<20))[:14], "close 1009"},
		{"one above in two", join(begin(ask(1, limit)), last(" ")), "close 1009"},
		{"one above in one fragment", join(begin(" "), more(ask(1, limit))[:14]), "close 1009"},
		{"a ping in the largest", join(begin(ask(1, limit-1)), ping("x"), last(" ")), "pong x, ok 1"},
	}
	for _, size := range []int{64, 256, 1 << 10, 1300, 4 << 10, 16 << 10, limit} {
		cases = append(cases, frameCase{fmt.Sprintf("in fragments of %d", size), fragments(ask(size, limit), size), fmt.Sprintf("ok %d", size)})
	}
	// Many messages, one behind the other.
	for _, size := range []int{0, 125, 1 << 10} {
		var b []byte
		var want []string
		for i := range 1000 {
			b = append(b, text(ask(i, size))...)
			want = append(want, fmt.Sprint("ok ", i))
		}
		cases = append(cases, frameCase{fmt.Sprintf("a thousand of %d", size), b, strings.Join(want, ", ")})
	}
	playFrames(t, cases)
}
