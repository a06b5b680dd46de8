package mqtt

import (
	"testing"
	"unsafe"
)

// TestSessionSize holds an idle session to the size that memory is given out
// in: one field more, and each of very many takes 16 bytes more.
func TestSessionSize(t *testing.T) {
	for _, c := range []struct {
		what string
		size uintptr
		most uintptr
	}{
		{"session", unsafe.Sizeof(session{}), 128},
		{"subscription", unsafe.Sizeof(subscription{}), 64},
	} {
		if c.size > c.most {
			t.Errorf("a %s takes %d bytes; want at most %d", c.what, c.size, c.most)
		}
	}
}
