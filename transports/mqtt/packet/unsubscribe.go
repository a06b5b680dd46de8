package packet

// Unsubscribe ends subscriptions (MQTT 5, 3.10).
type Unsubscribe struct {
	ID         uint16
	Properties Properties
	Filters    [][]byte
}

// Type returns TypeUnsubscribe.
func (p *Unsubscribe) Type() Type { return TypeUnsubscribe }

// Decode reads a frame into p, and refers to it afterwards. It uses the memory
// of p.Filters again.
func (p *Unsubscribe) Decode(frame []byte, v Version) error {
	*p = Unsubscribe{Filters: p.Filters[:0]}
	r, err := open(frame, TypeUnsubscribe, v)
	if err != nil {
		return err
	}
	p.ID = r.uint16("the packet identifier")
	p.Properties = r.properties(v)
	for r.left() > 0 {
		p.Filters = append(p.Filters, r.bytes("a topic filter"))
	}
	if err := r.close(); err != nil {
		return err
	}
	return p.Check(v)
}

// Check tells whether the standard allows the packet.
func (p *Unsubscribe) Check(v Version) error {
	if err := checkID(p.ID); err != nil {
		return err
	}
	if err := p.Properties.checkIn(TypeUnsubscribe, v); err != nil {
		return err
	}
	if len(p.Filters) == 0 { // [MQTT-3.10.2-2]; 3.1.1: [MQTT-3.10.3-2]
		return forbidden("UNSUBSCRIBE has no topic filter")
	}
	for _, f := range p.Filters {
		if err := checkFilter(f); err != nil {
			return err
		}
	}
	return nil
}

// Size returns how many bytes Append adds.
func (p *Unsubscribe) Size(v Version) int { return whole(p.remaining(v)) }

func (p *Unsubscribe) remaining(v Version) int {
	n := 2 + p.Properties.size(v)
	for _, f := range p.Filters {
		n += bytesSize(f)
	}
	return n
}

// Append appends the packet to b.
func (p *Unsubscribe) Append(b []byte, v Version) []byte {
	b = appendHeader(b, TypeUnsubscribe, TypeUnsubscribe.flags(), p.remaining(v))
	b = append(b, byte(p.ID>>8), byte(p.ID))
	b = p.Properties.append(b, v)
	for _, f := range p.Filters {
		b = appendBytes(b, f)
	}
	return b
}

// Unsuback answers an UNSUBSCRIBE (MQTT 5, 3.11).
type Unsuback struct {
	ID         uint16
	Properties Properties
	// Reasons has a code for each filter, in their order. 3.1.1 has none.
	Reasons []Reason
}

// Type returns TypeUnsuback.
func (p *Unsuback) Type() Type { return TypeUnsuback }

// Decode reads a frame into p, and refers to it afterwards. It uses the memory
// of p.Reasons again.
func (p *Unsuback) Decode(frame []byte, v Version) error {
	*p = Unsuback{Reasons: p.Reasons[:0]}
	r, err := open(frame, TypeUnsuback, v)
	if err != nil {
		return err
	}
	p.ID = r.uint16("the packet identifier")
	p.Properties = r.properties(v)
	if v == V5 {
		p.Reasons = r.reasons(p.Reasons)
	}
	if err := r.close(); err != nil {
		return err
	}
	return p.Check(v)
}

// Check tells whether the standard allows the packet.
func (p *Unsuback) Check(v Version) error {
	if err := checkID(p.ID); err != nil { // [MQTT-2.2.1-6]
		return err
	}
	if v != V5 {
		return nil
	}
	if err := p.Properties.checkIn(TypeUnsuback, v); err != nil {
		return err
	}
	if len(p.Reasons) == 0 { // MQTT 5, 3.11.3
		return forbidden("UNSUBACK has no reason code")
	}
	for _, r := range p.Reasons {
		if err := checkReason(r, TypeUnsuback); err != nil {
			return err
		}
	}
	return nil
}

// Size returns how many bytes Append adds.
func (p *Unsuback) Size(v Version) int { return whole(p.remaining(v)) }

func (p *Unsuback) remaining(v Version) int {
	if v != V5 {
		return 2
	}
	return 2 + p.Properties.size(v) + len(p.Reasons)
}

// Append appends the packet to b.
func (p *Unsuback) Append(b []byte, v Version) []byte {
	b = appendHeader(b, TypeUnsuback, 0, p.remaining(v))
	b = append(b, byte(p.ID>>8), byte(p.ID))
	if v != V5 {
		return b
	}
	b = p.Properties.append(b, v)
	for _, r := range p.Reasons {
		b = append(b, byte(r))
	}
	return b
}
