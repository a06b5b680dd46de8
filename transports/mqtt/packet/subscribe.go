package packet

import "slices"

// Subscribe asks for messages (MQTT 5, 3.8).
type Subscribe struct {
	ID            uint16
	Properties    Properties
	Subscriptions []Subscription
}

// A Subscription is one filter of a SUBSCRIBE and its options. 3.1.1 has no
// option but the QoS.
type Subscription struct {
	Filter            []byte
	QoS               QoS
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    RetainHandling
}

// RetainHandling tells when a subscription brings the retained messages.
type RetainHandling byte

// When retained messages are sent (MQTT 5, 3.8.3.1).
const (
	SendRetained      RetainHandling = 0 // at each SUBSCRIBE; 3.1.1 knows only this
	SendRetainedIfNew RetainHandling = 1 // if the subscription did not exist
	NoRetained        RetainHandling = 2
)

// The options of a subscription, as bits.
const (
	optionQoS               = 0x03
	optionNoLocal           = 0x04
	optionRetainAsPublished = 0x08
	optionRetainHandling    = 0x30
	optionReserved          = 0xc0
)

// Type returns TypeSubscribe.
func (p *Subscribe) Type() Type { return TypeSubscribe }

// Decode reads a frame into p, and refers to it afterwards. It uses the memory
// of p.Subscriptions again.
func (p *Subscribe) Decode(frame []byte, v Version) error {
	*p = Subscribe{Subscriptions: p.Subscriptions[:0]}
	r, err := open(frame, TypeSubscribe, v)
	if err != nil {
		return err
	}
	p.ID = r.uint16("the packet identifier")
	p.Properties = r.properties(v)
	for r.left() > 0 {
		filter := r.bytes("a topic filter")
		options := r.byte("the subscription options")
		reserved := byte(optionReserved)
		if v == V311 {
			reserved = ^byte(optionQoS)
		}
		if options&reserved != 0 { // [MQTT-3.8.3-5]; 3.1.1: [MQTT-3-8.3-4]
			return malformed("a reserved subscription option is set")
		}
		p.Subscriptions = append(p.Subscriptions, Subscription{
			Filter:            filter,
			QoS:               QoS(options & optionQoS),
			NoLocal:           options&optionNoLocal != 0,
			RetainAsPublished: options&optionRetainAsPublished != 0,
			RetainHandling:    RetainHandling(options & optionRetainHandling >> 4),
		})
	}
	if err := r.close(); err != nil {
		return err
	}
	return p.Check(v)
}

// Check tells whether the standard allows the packet.
func (p *Subscribe) Check(v Version) error {
	if err := checkID(p.ID); err != nil {
		return err
	}
	if err := p.Properties.checkIn(TypeSubscribe, v); err != nil {
		return err
	}
	if len(p.Subscriptions) == 0 { // [MQTT-3.8.3-2]; 3.1.1: [MQTT-3.8.3-3]
		return forbidden("SUBSCRIBE has no topic filter")
	}
	for i := range p.Subscriptions {
		if err := p.Subscriptions[i].check(v); err != nil {
			return err
		}
	}
	return nil
}

func (s *Subscription) check(v Version) error {
	if err := checkFilter(s.Filter); err != nil {
		return err
	}
	switch {
	case s.QoS > ExactlyOnce && v == V311: // 3.1.1: [MQTT-3-8.3-4]
		return malformed("a subscription has QoS %d", s.QoS)
	case s.QoS > ExactlyOnce: // MQTT 5, 3.8.3.1
		return forbidden("a subscription has QoS %d", s.QoS)
	case s.RetainHandling > NoRetained: // MQTT 5, 3.8.3.1
		return forbidden("a subscription has retain handling %d", s.RetainHandling)
	case s.NoLocal && shared(s.Filter): // [MQTT-3.8.3-4]
		return forbidden("a shared subscription has no local")
	}
	return nil
}

// Size returns how many bytes Append adds.
func (p *Subscribe) Size(v Version) int { return whole(p.remaining(v)) }

func (p *Subscribe) remaining(v Version) int {
	n := 2 + p.Properties.size(v)
	for i := range p.Subscriptions {
		n += bytesSize(p.Subscriptions[i].Filter) + 1
	}
	return n
}

// Append appends the packet to b.
func (p *Subscribe) Append(b []byte, v Version) []byte {
	b = appendHeader(b, TypeSubscribe, TypeSubscribe.flags(), p.remaining(v))
	b = append(b, byte(p.ID>>8), byte(p.ID))
	b = p.Properties.append(b, v)
	for i := range p.Subscriptions {
		b = appendBytes(b, p.Subscriptions[i].Filter)
		b = append(b, p.Subscriptions[i].options(v))
	}
	return b
}

func (s *Subscription) options(v Version) byte {
	o := byte(s.QoS)
	if v != V5 {
		return o
	}
	if s.NoLocal {
		o |= optionNoLocal
	}
	if s.RetainAsPublished {
		o |= optionRetainAsPublished
	}
	return o | byte(s.RetainHandling)<<4
}

// Suback answers a SUBSCRIBE (MQTT 5, 3.9).
type Suback struct {
	ID         uint16
	Properties Properties
	// Reasons has a code for each filter, in their order. In 3.1.1, every
	// failure is written as UnspecifiedError, 0x80.
	Reasons []Reason
}

// Type returns TypeSuback.
func (p *Suback) Type() Type { return TypeSuback }

// Decode reads a frame into p, and refers to it afterwards. It uses the memory
// of p.Reasons again.
func (p *Suback) Decode(frame []byte, v Version) error {
	*p = Suback{Reasons: p.Reasons[:0]}
	r, err := open(frame, TypeSuback, v)
	if err != nil {
		return err
	}
	p.ID = r.uint16("the packet identifier")
	p.Properties = r.properties(v)
	p.Reasons = r.reasons(p.Reasons)
	if err := r.close(); err != nil {
		return err
	}
	if v == V311 && slices.ContainsFunc(p.Reasons, reserved311) { // 3.1.1: [MQTT-3.9.3-2]
		return malformed("SUBACK has a reserved return code")
	}
	return p.Check(v)
}

// reserved311 tells which codes no SUBACK of 3.1.1 has.
func reserved311(r Reason) bool { return r > GrantedQoS2 && r != UnspecifiedError }

// reasons reads what is left as one code each.
func (r *reader) reasons(to []Reason) []Reason {
	for _, code := range r.rest() {
		to = append(to, Reason(code))
	}
	return to
}

// Check tells whether the standard allows the packet.
func (p *Suback) Check(v Version) error {
	if err := checkID(p.ID); err != nil { // [MQTT-2.2.1-6]
		return err
	}
	if err := p.Properties.checkIn(TypeSuback, v); err != nil {
		return err
	}
	if len(p.Reasons) == 0 { // [MQTT-3.8.4-6]
		return forbidden("SUBACK has no reason code")
	}
	for _, r := range p.Reasons {
		if err := checkReason(r, TypeSuback); err != nil {
			return err
		}
	}
	return nil
}

// Size returns how many bytes Append adds.
func (p *Suback) Size(v Version) int { return whole(p.remaining(v)) }

func (p *Suback) remaining(v Version) int { return 2 + p.Properties.size(v) + len(p.Reasons) }

// Append appends the packet to b.
func (p *Suback) Append(b []byte, v Version) []byte {
	b = appendHeader(b, TypeSuback, 0, p.remaining(v))
	b = append(b, byte(p.ID>>8), byte(p.ID))
	b = p.Properties.append(b, v)
	for _, r := range p.Reasons {
		if v != V5 && r.Failed() {
			r = UnspecifiedError
		}
		b = append(b, byte(r))
	}
	return b
}
