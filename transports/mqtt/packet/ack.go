package packet

// Puback is the answer to a PUBLISH with QoS 1 (MQTT 5, 3.4).
type Puback struct {
	ID         uint16
	Reason     Reason // Success in 3.1.1, which has none
	Properties Properties
}

// Pubrec is the answer to a PUBLISH with QoS 2 (MQTT 5, 3.5).
type Pubrec struct {
	ID         uint16
	Reason     Reason // Success in 3.1.1, which has none
	Properties Properties
}

// Pubrel is the answer to a PUBREC (MQTT 5, 3.6).
type Pubrel struct {
	ID         uint16
	Reason     Reason // Success in 3.1.1, which has none
	Properties Properties
}

// Pubcomp is the answer to a PUBREL (MQTT 5, 3.7).
type Pubcomp struct {
	ID         uint16
	Reason     Reason // Success in 3.1.1, which has none
	Properties Properties
}

// Type returns TypePuback.
func (p *Puback) Type() Type { return TypePuback }

// Type returns TypePubrec.
func (p *Pubrec) Type() Type { return TypePubrec }

// Type returns TypePubrel.
func (p *Pubrel) Type() Type { return TypePubrel }

// Type returns TypePubcomp.
func (p *Pubcomp) Type() Type { return TypePubcomp }

// Decode reads a frame into p, and refers to it afterwards.
func (p *Puback) Decode(frame []byte, v Version) error {
	return (*ack)(p).decode(frame, TypePuback, v)
}

// Decode reads a frame into p, and refers to it afterwards.
func (p *Pubrec) Decode(frame []byte, v Version) error {
	return (*ack)(p).decode(frame, TypePubrec, v)
}

// Decode reads a frame into p, and refers to it afterwards.
func (p *Pubrel) Decode(frame []byte, v Version) error {
	return (*ack)(p).decode(frame, TypePubrel, v)
}

// Decode reads a frame into p, and refers to it afterwards.
func (p *Pubcomp) Decode(frame []byte, v Version) error {
	return (*ack)(p).decode(frame, TypePubcomp, v)
}

// Check tells whether the standard allows the packet.
func (p *Puback) Check(v Version) error { return (*ack)(p).check(TypePuback, v) }

// Check tells whether the standard allows the packet.
func (p *Pubrec) Check(v Version) error { return (*ack)(p).check(TypePubrec, v) }

// Check tells whether the standard allows the packet.
func (p *Pubrel) Check(v Version) error { return (*ack)(p).check(TypePubrel, v) }

// Check tells whether the standard allows the packet.
func (p *Pubcomp) Check(v Version) error { return (*ack)(p).check(TypePubcomp, v) }

// Size returns how many bytes Append adds.
func (p *Puback) Size(v Version) int { return whole((*ack)(p).remaining(v)) }

// Size returns how many bytes Append adds.
func (p *Pubrec) Size(v Version) int { return whole((*ack)(p).remaining(v)) }

// Size returns how many bytes Append adds.
func (p *Pubrel) Size(v Version) int { return whole((*ack)(p).remaining(v)) }

// Size returns how many bytes Append adds.
func (p *Pubcomp) Size(v Version) int { return whole((*ack)(p).remaining(v)) }

// Append appends the packet to b.
func (p *Puback) Append(b []byte, v Version) []byte { return (*ack)(p).append(b, TypePuback, v) }

// Append appends the packet to b.
func (p *Pubrec) Append(b []byte, v Version) []byte { return (*ack)(p).append(b, TypePubrec, v) }

// Append appends the packet to b.
func (p *Pubrel) Append(b []byte, v Version) []byte { return (*ack)(p).append(b, TypePubrel, v) }

// Append appends the packet to b.
func (p *Pubcomp) Append(b []byte, v Version) []byte { return (*ack)(p).append(b, TypePubcomp, v) }

// An ack is what the four have in common: all but their type.
type ack struct {
	ID         uint16
	Reason     Reason
	Properties Properties
}

func (p *ack) decode(frame []byte, t Type, v Version) error {
	*p = ack{}
	r, err := open(frame, t, v)
	if err != nil {
		return err
	}
	p.ID = r.uint16("the packet identifier")
	p.Reason, p.Properties = r.outcome(v)
	if err := r.close(); err != nil {
		return err
	}
	return p.check(t, v)
}

func (p *ack) check(t Type, v Version) error {
	if err := checkID(p.ID); err != nil {
		return err
	}
	if err := checkReason(p.Reason, t); err != nil {
		return err
	}
	return p.Properties.checkIn(t, v)
}

func (p *ack) remaining(v Version) int { return 2 + outcomeSize(p.Reason, p.Properties, v) }

func (p *ack) append(b []byte, t Type, v Version) []byte {
	b = appendHeader(b, t, t.flags(), p.remaining(v))
	b = append(b, byte(p.ID>>8), byte(p.ID))
	return appendOutcome(b, p.Reason, p.Properties, v)
}

// outcome reads the reason code and the properties that end an
// acknowledgement, a DISCONNECT and an AUTH. Without properties their length may
// be missing, and with success the code too (MQTT 5, 3.4.2.1). 3.1.1 has none.
func (r *reader) outcome(v Version) (Reason, Properties) {
	if v != V5 || r.left() == 0 {
		return Success, Properties{}
	}
	reason := Reason(r.byte("the reason code"))
	if r.left() == 0 {
		return reason, Properties{}
	}
	return reason, r.properties(v)
}

func outcomeSize(reason Reason, ps Properties, v Version) int {
	switch {
	case v != V5 || reason == Success && ps.Empty():
		return 0
	case ps.Empty():
		return 1
	}
	return 1 + ps.size(v)
}

func appendOutcome(b []byte, reason Reason, ps Properties, v Version) []byte {
	switch outcomeSize(reason, ps, v) {
	case 0:
		return b
	case 1:
		return append(b, byte(reason))
	}
	return ps.append(append(b, byte(reason)), v)
}
