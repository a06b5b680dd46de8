package actors

import "testing"

// TestFormsAreOnesOwn: each form is another, and one too many is noticed when the
// program starts.
func TestFormsAreOnesOwn(t *testing.T) {
	seen := map[Form]bool{}
	taken := min(forms.Load(), MaxForms) // by what the test links
	defer func() {
		if recover() == nil || len(seen) != MaxForms-int(taken) {
			t.Errorf("after %d forms, and %d before, there is another", len(seen), taken)
		}
	}()
	for range MaxForms + 1 {
		f := NewForm()
		if seen[f] || uint32(f) < taken {
			t.Fatalf("form %d is given twice", f)
		}
		seen[f] = true
	}
}

// counted is a format that counts how often it has to encode.
type counted struct {
	form Form
	n    int
}

func (c *counted) Form() Form                 { return c.form }
func (c *counted) AppendBeat(b []byte) []byte { return b }
func (c *counted) AppendPush(b []byte, p *Push) []byte {
	c.n++
	return p.AppendJSON(append(b, byte('0'+c.form)))
}

// A push is encoded once for all connections with the same form.
func TestPushIsEncodedOnce(t *testing.T) {
	p := &Push{Events: []PushEvent{{JSON: []byte("{1}")}, {JSON: []byte("{2}")}}}
	one, other := &counted{form: 0}, &counted{form: MaxForms - 1}
	first := p.Frame(one)
	if again := p.Frame(one); &again[0] != &first[0] || one.n != 1 {
		t.Errorf("encoded %d times", one.n)
	}
	if got := string(p.Frame(other)); got != ";{1},{2}" || string(first) != "0{1},{2}" {
		t.Errorf("got %s and %s", first, got)
	}
}

// Who stands within a push gets what lies beyond.
func TestPushBeyond(t *testing.T) {
	p := &Push{Key: "udefault/a", From: Cursor{Seq: 2}, To: Cursor{Seq: 9}, More: true, Events: []PushEvent{
		{To: Cursor{Seq: 3}, JSON: []byte("3")}, {To: Cursor{Seq: 5}, JSON: []byte("5")}, {To: Cursor{Seq: 8}, JSON: []byte("8")},
	}}
	for at, want := range map[uint64]string{2: "3,5,8", 3: "5,8", 4: "5,8", 5: "8", 7: "8", 8: "", 9: ""} {
		q := p.Beyond(Cursor{Seq: at})
		if got := string(q.AppendJSON(nil)); got != want || q.From.Seq != at || q.To != p.To || !q.More || q.Key != p.Key {
			t.Errorf("beyond %d: %q, want %q; %+v", at, got, want, q)
		}
	}
}
