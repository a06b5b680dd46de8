package packet

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// fault returns the *Error that every refusal of the package is.
func fault(t testing.TB, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got the error %v, want an *Error", err)
	}
	return e
}

// dump writes a packet as text: its type, and a line for each field that is not
// empty.
func dump(p Packet) string {
	var b strings.Builder
	fmt.Fprintln(&b, p.Type())
	dumpStruct(&b, "", reflect.ValueOf(p).Elem())
	return b.String()
}

func dumpStruct(b *strings.Builder, prefix string, s reflect.Value) {
	for i := range s.NumField() {
		name := prefix + s.Type().Field(i).Name
		switch f := s.Field(i).Interface().(type) {
		case Properties:
			dumpProperties(b, prefix, f)
		case *Will:
			if f != nil {
				dumpStruct(b, "Will.", reflect.ValueOf(f).Elem())
			}
		case []Subscription:
			for _, s := range f {
				fmt.Fprintf(b, "Subscription: %q QoS=%d NoLocal=%t RetainAsPublished=%t RetainHandling=%d\n",
					s.Filter, s.QoS, s.NoLocal, s.RetainAsPublished, s.RetainHandling)
			}
		case [][]byte:
			for _, filter := range f {
				fmt.Fprintf(b, "Filter: %q\n", filter)
			}
		case []Reason:
			for _, r := range f {
				fmt.Fprintf(b, "Code: 0x%02x %s\n", byte(r), r)
			}
		case Reason:
			fmt.Fprintf(b, "%s: 0x%02x %s\n", name, byte(f), f)
		case Password:
			if f != nil {
				fmt.Fprintf(b, "%s: %q\n", name, []byte(f))
			}
		case []byte:
			if f != nil && (len(f) > 0 || name == "Username") {
				fmt.Fprintf(b, "%s: %q\n", name, f)
			}
		default:
			if !s.Field(i).IsZero() {
				fmt.Fprintf(b, "%s: %s\n", name, plain(s.Field(i)))
			}
		}
	}
}

func plain(v reflect.Value) string {
	if v.Kind() == reflect.Bool {
		return strconv.FormatBool(v.Bool())
	}
	return strconv.FormatUint(v.Uint(), 10)
}

func dumpProperties(b *strings.Builder, prefix string, ps Properties) {
	for pr := range ps.all() {
		d := descriptions[pr.id]
		switch {
		case d.kind == kindPair:
			fmt.Fprintf(b, "%s%s: %q %q\n", prefix, d.name, pr.key, pr.text)
		case d.kind.number():
			fmt.Fprintf(b, "%s%s: %d\n", prefix, d.name, pr.n)
		default:
			fmt.Fprintf(b, "%s%s: %q\n", prefix, d.name, pr.text)
		}
	}
}

// parse makes a packet of what dump wrote.
func parse(t *testing.T, text string) Packet {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n")
	var p Packet
	for i, name := range typeNames {
		if name == head && i > 0 {
			p = blank([]byte{byte(i) << 4})
		}
	}
	if p == nil {
		t.Fatalf("%q is no packet", head)
	}
	for line := range strings.Lines(body) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		into := reflect.ValueOf(p).Elem()
		if inner, ok := strings.CutPrefix(name, "Will."); ok {
			name = inner
			will := into.FieldByName("Will")
			if will.IsNil() {
				will.Set(reflect.ValueOf(new(Will)))
			}
			into = will.Elem()
		}
		parseLine(t, into, name, value)
	}
	return p
}

func parseLine(t *testing.T, s reflect.Value, name, value string) {
	t.Helper()
	first, _, _ := strings.Cut(value, " ")
	switch name {
	case "Subscription":
		quoted, _ := strconv.QuotedPrefix(value)
		sub := Subscription{Filter: []byte(unquote(t, quoted))}
		if _, err := fmt.Sscanf(value[len(quoted):], " QoS=%d NoLocal=%t RetainAsPublished=%t RetainHandling=%d",
			&sub.QoS, &sub.NoLocal, &sub.RetainAsPublished, &sub.RetainHandling); err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		list := s.FieldByName("Subscriptions")
		list.Set(reflect.Append(list, reflect.ValueOf(sub)))
		return
	case "Filter":
		list := s.FieldByName("Filters")
		list.Set(reflect.Append(list, reflect.ValueOf([]byte(unquote(t, value)))))
		return
	case "Code":
		list := s.FieldByName("Reasons")
		list.Set(reflect.Append(list, reflect.ValueOf(Reason(number(t, first)))))
		return
	}
	switch f := s.FieldByName(name); {
	case !f.IsValid():
		parseProperty(t, s.FieldByName("Properties").Addr().Interface().(*Properties), name, value)
	case f.Kind() == reflect.Bool:
		f.SetBool(value == "true")
	case f.Kind() == reflect.Slice:
		f.SetBytes([]byte(unquote(t, value)))
	default:
		f.SetUint(number(t, first))
	}
}

func parseProperty(t *testing.T, ps *Properties, name, value string) {
	t.Helper()
	for i, d := range descriptions {
		if d.name != name || name == "" {
			continue
		}
		id := PropertyID(i)
		switch {
		case d.kind == kindPair:
			key, _ := strconv.QuotedPrefix(value)
			ps.AddUser([]byte(unquote(t, key)), []byte(unquote(t, value[len(key)+1:])))
		case id == SubscriptionIdentifier:
			ps.AddSubscriptionID(uint32(number(t, value)))
		case d.kind.number():
			ps.SetUint(id, uint32(number(t, value)))
		default:
			ps.SetString(id, unquote(t, value))
		}
		return
	}
	t.Fatalf("there is no field and no property %q", name)
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
