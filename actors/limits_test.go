package actors

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Every limit has a default, keeps what is set, and refuses what is below zero by
// name.
func TestLimitsHaveDefaults(t *testing.T) {
	l, err := Limits{}.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	eachLimit(reflect.ValueOf(&l).Elem(), func(name string, v reflect.Value) {
		n++
		if v.Int() <= 0 {
			t.Errorf("%s has no default", name)
		}
		set, bad := Limits{}, Limits{}
		setLimit(&set, name, 7)
		if set, err = set.WithDefaults(); err != nil || fieldOf(&set, name).Int() != 7 {
			t.Errorf("%s is set to 7: %d, %v", name, fieldOf(&set, name).Int(), err)
		}
		setLimit(&bad, name, -1)
		if _, err := bad.WithDefaults(); err == nil || !strings.Contains(err.Error(), "below zero") {
			t.Errorf("%s is set to -1: %v", name, err)
		}
	})
	if n < 20 {
		t.Errorf("only %d limits were looked at", n)
	}
}

func eachLimit(v reflect.Value, fn func(string, reflect.Value)) {
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Struct {
			eachLimit(f, fn)
		} else {
			fn(v.Type().Field(i).Name, f)
		}
	}
}

func fieldOf(l *Limits, name string) reflect.Value {
	return reflect.ValueOf(l).Elem().FieldByName(name)
}

func setLimit(l *Limits, name string, to int64) { fieldOf(l, name).SetInt(to) }

// A sweep comes within EraseWithin, and those of many users are spread out.
func TestSweepsAreSpread(t *testing.T) {
	l := &Limits{EraseWithin: 24 * time.Hour}
	quarter := (6 * time.Hour).Milliseconds()
	if l.EraseStep() != quarter {
		t.Errorf("a quarter is %d ms", l.EraseStep())
	}
	seen := map[int64]bool{}
	for lineage := range uint64(1000) {
		lineage *= 0x9e3779b97f4a7c15
		at := l.SweepAt(5000, lineage)
		if at < 5000+quarter || at >= 5000+2*quarter || at != l.SweepAt(5000, lineage) {
			t.Fatalf("user %x is swept %d ms after", lineage, at-5000)
		}
		if again := l.SpreadOut(5000, lineage); again != at-quarter {
			t.Fatalf("and then %d ms after", again-5000)
		}
		seen[at/60_000] = true
	}
	if len(seen) < 200 {
		t.Errorf("1000 users are swept within %d minutes", len(seen))
	}
	if at := (&Limits{EraseWithin: time.Millisecond}).SweepAt(5000, 9); at != 5001 {
		t.Errorf("within a millisecond: at %d", at)
	}
}

// What is not an Error of ours is an inner one: a client sees no more than that.
func TestErrors(t *testing.T) {
	inner := errors.New("dial 10.0.0.1: refused")
	e := AsError(inner)
	if e.Code != Internal || strings.Contains(e.Detail, "10.0.0.1") || !errors.Is(e, inner) || !strings.Contains(e.Error(), "10.0.0.1") {
		t.Errorf("got %v", e)
	}
	own := &Error{Code: Invalid, Detail: "want a number", Field: "limit"}
	if got := AsError(fmt.Errorf("list: %w", own)); got != own || got.Error() != "invalid: want a number (limit)" {
		t.Errorf("got %v", got)
	}
	if AsError(nil) != nil {
		t.Error("nothing is an error")
	}
	var temporary []Code
	for _, c := range []Code{Invalid, Unauthorized, Forbidden, NotFound, Conflict, IdempotencyConflict, TooLarge, TooMany, Busy, Unavailable, Internal, Fenced} {
		if Errorf(c, "x").Temporary() {
			temporary = append(temporary, c)
		}
	}
	if fmt.Sprint(temporary) != "[too_many busy unavailable]" {
		t.Errorf("%v may succeed later", temporary)
	}
}

// An id sorts by its time, and has one form.
func TestIDs(t *testing.T) {
	before := time.Now().UnixMilli()
	list := []ID{NewID(), NewID(), NewID()}
	for i, id := range list {
		if ms := id.Millis(); ms < before || ms > time.Now().UnixMilli()+1 || id[6]>>4 != 7 || id[8]>>6 != 2 {
			t.Errorf("%s is no UUIDv7 of now", id)
		}
		if i > 0 && list[i-1].String() >= id.String() {
			t.Errorf("%s comes before %s", list[i-1], id)
		}
		if again, err := ParseID(id.String()); err != nil || again != id || id.IsZero() {
			t.Errorf("%s: %s, %v", id, again, err)
		}
	}
	packed, n := PackIDs(list), 0
	EachID(append(packed, 1, 2, 3), func(id ID) {
		if id != list[n] {
			t.Errorf("id %d is %s, want %s", n, id, list[n])
		}
		n++
	})
	if n != len(list) {
		t.Errorf("%d of %d ids", n, len(list))
	}
	for _, s := range []string{"", "01980e2b6b3c7c1ea4b00123456789ab", "01980E2B-6B3C-7C1E-A4B0-0123456789AB", "01980e2b-6b3c-7c1e-a4b0-0123456789ag", "{1980e2b-6b3c-7c1e-a4b0-0123456789a}", "01980e2b-6b3c-7c1e-a4b0-0123456789ab "} {
		if id, err := ParseID(s); err == nil {
			t.Errorf("%q is the id %s", s, id)
		}
	}
}
