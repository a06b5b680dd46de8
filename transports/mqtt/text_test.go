package mqtt_test

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"reddot/transports/mqtt/packet"
)

// Packets as one line of text: the type, then Field=value and Property=value,
// zero values left out; filters stand as "filter":QoS:options.

func packetOf(name string) packet.Packet {
	for _, p := range []packet.Packet{
		&packet.Connect{Version: packet.V311}, &packet.Connack{}, &packet.Publish{}, &packet.Puback{}, &packet.Pubrec{}, &packet.Pubrel{}, &packet.Pubcomp{},
		&packet.Subscribe{}, &packet.Suback{}, &packet.Unsubscribe{}, &packet.Unsuback{}, &packet.Pingreq{}, &packet.Pingresp{},
		&packet.Disconnect{}, &packet.Auth{},
	} {
		if p.Type().String() == name {
			return p
		}
	}
	return nil
}

func propertyName(id packet.PropertyID) string { return strings.ReplaceAll(id.String(), " ", "") }

func format(p packet.Packet) string {
	var b strings.Builder
	b.WriteString(p.Type().String())
	formatStruct(&b, reflect.ValueOf(p).Elem(), "")
	return b.String()
}

func formatStruct(b *strings.Builder, v reflect.Value, prefix string) {
	for i := range v.NumField() {
		name := prefix + v.Type().Field(i).Name
		switch f := v.Field(i).Interface().(type) {
		case packet.Properties:
			formatProperties(b, f, prefix)
		case *packet.Will:
			if f != nil {
				formatStruct(b, reflect.ValueOf(f).Elem(), "Will.")
			}
		case []packet.Subscription:
			for _, s := range f {
				fmt.Fprintf(b, " %q:%d", s.Filter, s.QoS)
			}
		case []packet.Reason:
			for _, r := range f {
				fmt.Fprintf(b, " 0x%02x", byte(r))
			}
		case packet.Reason:
			if f != 0 {
				fmt.Fprintf(b, " %s=0x%02x", name, byte(f))
			}
		case []byte:
			if f != nil {
				fmt.Fprintf(b, " %s=%q", name, f)
			}
		case bool:
			if f {
				fmt.Fprintf(b, " %s", name)
			}
		default:
			if v.Field(i).CanUint() && v.Field(i).Uint() != 0 {
				fmt.Fprintf(b, " %s=%d", name, v.Field(i).Uint())
			}
		}
	}
}

func formatProperties(b *strings.Builder, ps packet.Properties, prefix string) {
	for id := packet.PropertyID(1); id <= packet.SharedSubscription; id++ {
		if !ps.Has(id) {
			continue
		}
		switch name := prefix + propertyName(id); {
		case id == packet.UserProperty:
			for k, v := range ps.User() {
				fmt.Fprintf(b, " %s=%q:%q", name, k, v)
			}
		case id == packet.SubscriptionIdentifier:
			for n := range ps.SubscriptionIDs() {
				fmt.Fprintf(b, " %s=%d", name, n)
			}
		case ps.Bytes(id) != nil:
			fmt.Fprintf(b, " %s=%q", name, ps.Bytes(id))
		default:
			fmt.Fprintf(b, " %s=%d", name, ps.Uint(id))
		}
	}
}

// words splits a line at blanks outside quotes.
func words(line string) []string {
	var list []string
	quoted, start := false, -1
	for i := 0; i <= len(line); i++ {
		switch {
		case i == len(line) || line[i] == ' ' && !quoted:
			if start >= 0 {
				list = append(list, line[start:i])
			}
			start = -1
			continue
		case line[i] == '\\' && quoted:
			i++
		case line[i] == '"':
			quoted = !quoted
		}
		if start < 0 {
			start = i
		}
	}
	return list
}

func parse(t *testing.T, line string) packet.Packet {
	t.Helper()
	w := words(line)
	p := packetOf(w[0])
	if p == nil {
		t.Fatalf("%q is no packet", line)
	}
	for _, word := range w[1:] {
		name, value, _ := strings.Cut(word, "=")
		v := reflect.ValueOf(p).Elem()
		if strings.HasPrefix(word, `"`) {
			parseFilter(t, p, word)
			continue
		}
		if rest, ok := strings.CutPrefix(name, "Will."); ok {
			name = rest
			if c := p.(*packet.Connect); c.Will == nil {
				c.Will = &packet.Will{}
			}
			v = reflect.ValueOf(p.(*packet.Connect).Will).Elem()
		}
		switch f := v.FieldByName(name); {
		case !f.IsValid():
			parseProperty(t, v.FieldByName("Properties").Addr().Interface().(*packet.Properties), name, value)
		case f.Kind() == reflect.Bool:
			f.SetBool(true)
		case f.Kind() == reflect.Slice:
			f.SetBytes([]byte(unquote(t, value)))
		default:
			f.SetUint(number(t, value))
		}
	}
	return p
}

func parseFilter(t *testing.T, p packet.Packet, word string) {
	t.Helper()
	quoted, err := strconv.QuotedPrefix(word)
	if err != nil {
		t.Fatal(err)
	}
	filter := []byte(unquote(t, quoted))
	switch p := p.(type) {
	case *packet.Unsubscribe:
		p.Filters = append(p.Filters, filter)
	case *packet.Subscribe:
		options := strings.Split(strings.TrimPrefix(word[len(quoted):], ":"), ":")
		s := packet.Subscription{Filter: filter, QoS: packet.QoS(number(t, options[0]))}
		for _, o := range options[1:] {
			switch o {
			case "nolocal":
				s.NoLocal = true
			case "aspublished":
				s.RetainAsPublished = true
			case "ifnew":
				s.RetainHandling = packet.SendRetainedIfNew
			case "noretained":
				s.RetainHandling = packet.NoRetained
			default:
				t.Fatalf("%q is no option", o)
			}
		}
		p.Subscriptions = append(p.Subscriptions, s)
	}
}

func parseProperty(t *testing.T, ps *packet.Properties, name, value string) {
	t.Helper()
	for id := packet.PropertyID(1); id <= packet.SharedSubscription; id++ {
		if propertyName(id) != name {
			continue
		}
		switch {
		case id == packet.UserProperty:
			key, err := strconv.QuotedPrefix(value)
			if err != nil {
				t.Fatal(err)
			}
			ps.AddUser([]byte(unquote(t, key)), []byte(unquote(t, value[len(key)+1:])))
		case strings.HasPrefix(value, `"`):
			ps.SetString(id, unquote(t, value))
		default:
			ps.SetUint(id, uint32(number(t, value)))
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

func unquote(t *testing.T, s string) string {
	t.Helper()
	u, err := strconv.Unquote(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return u
}
