package actors

import "testing"

// TestUnknownIsNotReused: a request whose outcome is unknown may still be held by
// whoever did not come to answer it, so its memory is not another's.
func TestUnknownIsNotReused(t *testing.T) {
	for code, kept := range map[Code]bool{Unavailable: true, Busy: false, NotFound: false} {
		r := NewRequest(UserKey("shop", "alice"), &Counts{})
		r.OnReply(func(*Request) {})
		r.Fail(Errorf(code, "x"))
		r.Release()
		if got := r.Key != ""; got != kept {
			t.Errorf("%s: kept is %v, want %v", code, got, kept)
		}
	}
}
