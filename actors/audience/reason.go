package audience

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bounds of a reason.
const (
	maxFacts = 8
	maxFact  = 64 // bytes of a value
)

// Reason says what of the subject decides whether it belongs to the segment: as
// `attributes.city was "Beijing"`. Parts of the expression that do not matter to the answer
// are left out.
func (s *Segment) Reason(subject Subject, now int64) string {
	f := facts{subject: subject, now: now}
	f.of(s.test)
	switch {
	case len(f.list) == 0:
		return "the expression is the same for all"
	case len(f.list) > maxFacts:
		return strings.Join(f.list[:maxFacts], ", ") + ", and more"
	}
	return strings.Join(f.list, ", ")
}

// facts are what an expression found in a subject.
type facts struct {
	subject Subject
	now     int64
	list    []string
}

// of adds the facts that decide a test.
func (f *facts) of(t test) {
	switch t := t.(type) {
	case *not:
		f.of(t.of)
	case *both:
		f.deciding(t.left, t.right, false)
	case *either:
		f.deciding(t.left, t.right, true)
	case *member:
		f.member(t)
	case *present:
		f.operand(&operand{from: attribute, name: t.name})
	case *isTrue:
		f.operand(&t.of)
	case *comparison:
		f.operand(&t.left)
		f.operand(&t.right)
	case *oneOf:
		f.operand(&t.of)
	case *listed:
		f.operand(&t.item)
		f.operand(&t.list)
	case *substring:
		f.operand(&t.of)
		f.operand(&t.text)
	}
}

// deciding adds the facts of those of two tests that decide both of them: the ones that
// have the deciding result, or both if none has it.
func (f *facts) deciding(left, right test, result bool) {
	l, r := left.holds(f.subject, f.now), right.holds(f.subject, f.now)
	none := l != result && r != result
	if l == result || none {
		f.of(left)
	}
	if r == result || none {
		f.of(right)
	}
}

func (f *facts) member(t *member) {
	name := t.name.value(f.subject, f.now)
	f.operand(&t.name)
	verb := " was not in "
	if t.holds(f.subject, f.now) {
		verb = " was in "
	}
	f.add(shownValue(name) + verb + setNames[t.set])
}

// operand adds what an operand found in the subject, if it looks there.
func (f *facts) operand(o *operand) {
	var name string
	switch o.from {
	case attribute:
		name = "attributes." + brief(o.name)
	case locale:
		name = "locale"
	case zone:
		name = "zone"
	default:
		return
	}
	plain := operand{from: o.from, name: o.name}
	v := plain.value(f.subject, f.now)
	if v.Kind == Absent {
		f.add("there was no " + name)
		return
	}
	f.add(name + " was " + shownValue(v))
}

func (f *facts) add(fact string) {
	if !slices.Contains(f.list, fact) {
		f.list = append(f.list, fact)
	}
}

// shownValue returns a value as people read it.
func shownValue(v Value) string {
	switch v.Kind {
	case Text:
		return strconv.Quote(brief(v.Text))
	case Number:
		return strconv.FormatFloat(v.Number, 'f', -1, 64)
	case Bool:
		return strconv.FormatBool(v.True)
	case Time:
		return time.UnixMilli(v.Time).UTC().Format(time.RFC3339)
	case List:
		return "a list of " + strconv.Itoa(len(v.Texts)+len(v.Numbers))
	}
	return "nothing"
}

// brief returns a text that is not too long for a reason.
func brief(text string) string {
	if len(text) <= maxFact {
		return text
	}
	return strings.ToValidUTF8(text[:maxFact], "") + "…"
}
