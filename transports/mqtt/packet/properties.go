package packet

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Properties are the properties of one packet, or of a will, in their order
// (MQTT 5, 2.2.2). They are kept as they stand on the wire: 24 bytes and no
// allocation for any number of them, one copy to store or to forward them, and
// a PUBLISH leaves with exactly what came [MQTT-3.3.2-18]. The zero value is
// empty. Many goroutines may read the same Properties; before changing one that
// others read, Clone it.
type Properties struct {
	wire []byte
}

// Empty tells whether there are none.
func (p Properties) Empty() bool { return len(p.wire) == 0 }

// Has tells whether the property is there.
func (p Properties) Has(id PropertyID) bool {
	_, ok := p.find(id)
	return ok
}

// Uint returns the value of a property that is a number, and what the standard
// says its absence means if it is not there: 65,535 for Receive Maximum, 2 for
// Maximum QoS, MaxSize for Maximum Packet Size, 1 for Request Problem
// Information and for what is «available», and otherwise 0.
func (p Properties) Uint(id PropertyID) uint32 {
	if pr, ok := p.find(id); ok {
		return pr.n
	}
	return mustBe(id, kind.number).absent
}

// Bytes returns the value of a property that is a text or binary, and nil if it
// is not there. The value refers to the packet's frame.
func (p Properties) Bytes(id PropertyID) []byte {
	pr, _ := p.find(id)
	return pr.text
}

// User returns the User Properties, which may repeat, in their order.
func (p Properties) User() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for pr := range p.all() {
			if pr.id == UserProperty && !yield(pr.key, pr.text) {
				return
			}
		}
	}
}

// SubscriptionIDs returns the Subscription Identifiers, which may repeat in
// PUBLISH.
func (p Properties) SubscriptionIDs() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for pr := range p.all() {
			if pr.id == SubscriptionIdentifier && !yield(pr.n) {
				return
			}
		}
	}
}

// SetUint sets a property that is a number; one that is there already is
// replaced. A value that does not fit the property's encoding is a fault of the
// program and panics; a value that the standard forbids is found by Check.
func (p *Properties) SetUint(id PropertyID, n uint32) {
	p.Delete(id)
	p.appendUint(id, n)
}

// AddSubscriptionID adds one of a PUBLISH's Subscription Identifiers.
func (p *Properties) AddSubscriptionID(n uint32) { p.appendUint(SubscriptionIdentifier, n) }

// SetBytes sets a property that is a text or binary; one that is there already
// is replaced. More than MaxString bytes panic.
func (p *Properties) SetBytes(id PropertyID, value []byte) {
	mustBe(id, func(k kind) bool { return k == kindText || k == kindBinary })
	mustFit(value)
	p.Delete(id)
	p.wire = appendBytes(append(p.wire, byte(id)), value)
}

// SetString is SetBytes for a string.
func (p *Properties) SetString(id PropertyID, value string) { p.SetBytes(id, []byte(value)) }

// AddUser adds a User Property. More than MaxString bytes panic.
func (p *Properties) AddUser(name, value []byte) {
	mustFit(name)
	mustFit(value)
	p.wire = appendBytes(appendBytes(append(p.wire, byte(UserProperty)), name), value)
}

// Delete removes properties. What other Properties share with this one, a frame
// for instance, stays as it is.
func (p *Properties) Delete(ids ...PropertyID) {
	if !slices.ContainsFunc(ids, p.Has) {
		return
	}
	rest := Properties{wire: make([]byte, 0, len(p.wire))}
	rest.AddFrom(*p, ids...)
	*p = rest
}

// AddFrom adds the properties of q in their order, except those named.
func (p *Properties) AddFrom(q Properties, except ...PropertyID) {
	for w := q.wire; len(w) > 0; {
		pr, err := cut(w)
		if err != nil {
			return
		}
		if !slices.Contains(except, pr.id) {
			p.wire = append(p.wire, w[:pr.size]...)
		}
		w = w[pr.size:]
	}
}

// Raw returns the properties as they stand on the wire, to be stored; it must
// not be changed. PropertiesOf is its inverse.
func (p Properties) Raw() []byte { return p.wire }

// PropertiesOf returns the properties that Raw gave. What it did not give is
// read up to where it can't be.
func PropertiesOf(raw []byte) Properties { return Properties{wire: raw} }

// Reset empties p and keeps its memory for what is added next. Nobody else may
// read the same Properties.
func (p *Properties) Reset() { p.wire = p.wire[:0] }

// Clone returns a copy that shares nothing.
func (p Properties) Clone() Properties { return Properties{wire: slices.Clone(p.wire)} }

// String lists the properties for people. Authentication Data stays hidden.
func (p Properties) String() string {
	var b strings.Builder
	for pr := range p.all() {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		switch d := &descriptions[pr.id]; {
		case pr.id == AuthenticationData:
			fmt.Fprintf(&b, "%s: ***", d.name)
		case d.kind == kindPair:
			fmt.Fprintf(&b, "%s: %q %q", d.name, pr.key, pr.text)
		case d.kind.number():
			fmt.Fprintf(&b, "%s: %d", d.name, pr.n)
		default:
			fmt.Fprintf(&b, "%s: %q", d.name, pr.text)
		}
	}
	return b.String()
}

// all returns the properties up to the first that can't be read.
func (p Properties) all() iter.Seq[property] {
	return func(yield func(property) bool) {
		for w := p.wire; len(w) > 0; {
			pr, err := cut(w)
			if err != nil || !yield(pr) {
				return
			}
			w = w[pr.size:]
		}
	}
}

func (p Properties) find(id PropertyID) (property, bool) {
	for pr := range p.all() {
		if pr.id == id {
			return pr, true
		}
	}
	return property{}, false
}

// check refuses what a packet, or a will, may not have. who names it.
func (p Properties) check(in typeSet, who string) error {
	var seen uint64 // a bit for each identifier
	for w := p.wire; len(w) > 0; {
		pr, err := cut(w)
		if err != nil {
			return err
		}
		if descriptions[pr.id].in&in == 0 { // MQTT 5, 2.2.2.2
			return malformed("%s may not have the property %s", who, pr.id)
		}
		if seen&(1<<pr.id) != 0 && !repeats(pr.id, in) {
			return forbidden("%s is there twice", pr.id)
		}
		seen |= 1 << pr.id
		if err := pr.check(); err != nil {
			return err
		}
		w = w[pr.size:]
	}
	return nil
}

// repeats tells which properties may be there more than once.
func repeats(id PropertyID, in typeSet) bool {
	return id == UserProperty || id == SubscriptionIdentifier && in == inPublish // MQTT 5, 3.3.2.3.8
}

// checkIn is check for a packet in a version; 3.1.1 drops all properties.
func (p Properties) checkIn(t Type, v Version) error {
	if v != V5 {
		return nil
	}
	return p.check(1<<t, t.String())
}

// size is what append adds.
func (p Properties) size(v Version) int {
	if v != V5 {
		return 0
	}
	return varintSize(len(p.wire)) + len(p.wire)
}

func (p Properties) append(b []byte, v Version) []byte {
	if v != V5 {
		return b
	}
	return append(appendVarint(b, len(p.wire)), p.wire...) // [MQTT-2.2.2-1]
}

func (p *Properties) appendUint(id PropertyID, n uint32) {
	d := mustBe(id, kind.number)
	p.wire = append(p.wire, byte(id))
	switch {
	case d.kind == kindByte && n <= 0xff:
		p.wire = append(p.wire, byte(n))
	case d.kind == kindUint16 && n <= maxUint16:
		p.wire = binary.BigEndian.AppendUint16(p.wire, uint16(n))
	case d.kind == kindUint32:
		p.wire = binary.BigEndian.AppendUint32(p.wire, n)
	case d.kind == kindVarint && n <= maxVarint:
		p.wire = appendVarint(p.wire, int(n))
	default:
		panic(fmt.Sprintf("packet: %d is too much for %s", n, id))
	}
}

// mustBe holds the programmer to a property's kind.
func mustBe(id PropertyID, is func(kind) bool) *description {
	d := describe(id)
	if d == nil || !is(d.kind) {
		panic("packet: " + id.String() + " has values of another kind")
	}
	return d
}

func mustFit(value []byte) {
	if len(value) > MaxString {
		panic("packet: a property of more than 65,535 bytes")
	}
}
