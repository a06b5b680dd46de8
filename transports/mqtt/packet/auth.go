package packet

// Auth is one step of an extended authentication (MQTT 5, 3.15). 3.1.1 has none.
type Auth struct {
	Reason     Reason
	Properties Properties
}

// Type returns TypeAuth.
func (p *Auth) Type() Type { return TypeAuth }

// Decode reads a frame into p, and refers to it afterwards.
func (p *Auth) Decode(frame []byte, v Version) error {
	*p = Auth{}
	r, err := open(frame, TypeAuth, v)
	if err != nil {
		return err
	}
	p.Reason, p.Properties = r.outcome(v)
	if err := r.close(); err != nil {
		return err
	}
	return p.Check(v)
}

// Check tells whether the standard allows the packet. An AUTH that says nothing
// at all needs no method: 3.15.2.1 allows it, 3.15.2.2.2 does not.
func (p *Auth) Check(v Version) error {
	if v != V5 {
		return malformed("MQTT 3.1.1 has no AUTH") // 3.1.1: [MQTT-2.2.2-2]
	}
	if err := checkReason(p.Reason, TypeAuth); err != nil {
		return err
	}
	if err := p.Properties.checkIn(TypeAuth, v); err != nil {
		return err
	}
	silent := p.Reason == Success && p.Properties.Empty()
	if !silent && !p.Properties.Has(AuthenticationMethod) { // MQTT 5, 3.15.2.2.2
		return forbidden("AUTH has no Authentication Method")
	}
	return nil
}

// Size returns how many bytes Append adds.
func (p *Auth) Size(v Version) int { return whole(p.remaining(v)) }

func (p *Auth) remaining(v Version) int {
	if v != V5 {
		return MaxSize
	}
	return outcomeSize(p.Reason, p.Properties, v)
}

// Append appends the packet to b. It panics in 3.1.1.
func (p *Auth) Append(b []byte, v Version) []byte {
	b = appendHeader(b, TypeAuth, 0, p.remaining(v))
	return appendOutcome(b, p.Reason, p.Properties, v)
}
