package actors

import (
	"testing"
)

// FuzzCursor holds that only what Append has made is a cursor.
func FuzzCursor(f *testing.F) {
	f.Add(Cursor{}.String())
	f.Add(Cursor{Lineage: 1 << 63, Seq: 300, Pos: 1 << 60}.String())
	f.Add("AQAAAAAAAAAAgAAA")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCursor(s)
		if err != nil {
			if AsError(err).Code != Invalid {
				t.Fatalf("%q: %v, want an invalid", s, err)
			}
			return
		}
		if got := c.String(); got != s {
			t.Fatalf("%q is the cursor %q", s, got)
		}
	})
}

// FuzzID holds that only the canonical form is an id.
func FuzzID(f *testing.F) {
	f.Add(NewID().String())
	f.Add("01980E2B-6B3C-7C1E-A4B0-0123456789AB")
	f.Fuzz(func(t *testing.T, s string) {
		if i, err := ParseID(s); err == nil && i.String() != s {
			t.Fatalf("%q is the id %q", s, i)
		}
	})
}

// FuzzPatch holds that an edit makes a content that is JSON, or is refused.
func FuzzPatch(f *testing.F) {
	f.Add([]byte(`{"title":"x","body":null,"category":"a","priority":"high","expires_at":"2030-01-02T15:04:05Z"}`))
	f.Fuzz(func(t *testing.T, patch []byte) {
		n := NewID()
		m, err := Patched(&Message{Id: n[:], Content: []byte(`"title":"t","body":"b"`)}, patch)
		if err != nil {
			return
		}
		if m, err = Patched(m, []byte(`{}`)); err != nil {
			t.Fatalf("the content %s: %v", m.Content, err)
		}
	})
}
