package actors

import "testing"

// TestFormsAreOnesOwn: each form is another, and one too many is noticed when the
// program starts.
func TestFormsAreOnesOwn(t *testing.T) {
	seen := map[Form]bool{}
	defer func() {
		if recover() == nil || len(seen) != MaxForms {
			t.Errorf("after %d forms there is another", len(seen))
		}
	}()
	for range MaxForms + 1 {
		f := NewForm()
		if seen[f] {
			t.Fatalf("form %d is given twice", f)
		}
		seen[f] = true
	}
}
