package transports

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"

	"reddot/actors"
)

// allCodes are actors' closed list.
var allCodes = []actors.Code{actors.Invalid, actors.Unauthorized, actors.Forbidden, actors.NotFound, actors.Conflict,
	actors.IdempotencyConflict, actors.TooLarge, actors.TooMany, actors.Busy, actors.Unavailable, actors.Internal}

// comeBack tells whether a client should connect again, as README and the clients have it: at once with a fresh
// token after CloseUnauthorized, else after a pause.
func comeBack(c Close) bool {
	switch {
	case c.Code >= 4000:
		return c.Code < 4100
	case c.Code == 1001, c.Code == 1006, c.Code >= 1011 && c.Code <= 1014:
		return true // going away, cut, internal error, restart, try again later, bad gateway
	default:
		return false // the next try would meet the same rule
	}
}

func TestCloseComeBack(t *testing.T) {
	for c, want := range map[Close]bool{
		CloseDrain: true, CloseUnauthorized: true, CloseTooSlow: true, CloseTooMany: true, CloseInternal: true,
		CloseForbidden: false, CloseReplaced: false, CloseNormal: false, CloseBadText: false, CloseTooLarge: false,
		CloseProtocol: false, CloseUnsupported: false,
	} {
		if comeBack(c) != want {
			t.Errorf("%d: got %t", c.Code, comeBack(c))
		}
	}
}

func TestCloseOfEnd(t *testing.T) {
	back := map[actors.End]bool{actors.EndDrain: true, actors.EndSlow: true, actors.EndTooMany: true, actors.EndToken: true,
		actors.EndFailed: true}
	for why := actors.EndGone; why <= actors.EndProtocol; why++ {
		c, ok := closeOfEnd[why]
		if !ok || c != CloseOfEnd(why) || comeBack(c) != back[why] {
			t.Errorf("end %d closes with %+v", why, c)
		}
	}
	if c := CloseOfEnd(255); c != CloseInternal {
		t.Errorf("got %+v", c)
	}
}

func TestClosePayload(t *testing.T) {
	for _, reason := range []string{"", "bye", strings.Repeat("a", 123), strings.Repeat("a", 500), strings.Repeat("é", 100), "a" + strings.Repeat("🔔", 40)} {
		got := Close{4001, reason}.AppendPayload([]byte("x"))[1:]
		text := string(got[2:])
		if binary.BigEndian.Uint16(got) != 4001 || len(got) > 125 || !utf8.ValidString(text) || !strings.HasPrefix(reason, text) ||
			len(reason) <= 123 && text != reason || len(reason) > 123 && len(text) < 120 {
			t.Errorf("%q became %q", reason, got)
		}
	}
}
