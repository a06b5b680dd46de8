package packet

// Disconnect ends a connection in order (MQTT 5, 3.14). In 3.1.1 only clients
// send it, and it holds nothing.
type Disconnect struct {
	Reason     Reason
	Properties Properties
}

// Type returns TypeDisconnect.
func (p *Disconnect) Type() Type { return TypeDisconnect }

// Decode reads a frame into p, and refers to it afterwards.
func (p *Disconnect) Decode(frame []byte, v Version) error {
	*p = Disconnect{}
	r, err := open(frame, TypeDisconnect, v)
	if err != nil {
		return err
	}
	p.Reason, p.Properties = r.outcome(v)
	if err := r.close(); err != nil {
		return err
	}
	return p.Check(v)
}

// Check tells whether the standard allows the packet.
func (p *Disconnect) Check(v Version) error {
	if err := checkReason(p.Reason, TypeDisconnect); err != nil {
		return err
	}
	return p.Properties.checkIn(TypeDisconnect, v)
}

// Size returns how many bytes Append adds.
func (p *Disconnect) Size(v Version) int { return whole(p.remaining(v)) }

func (p *Disconnect) remaining(v Version) int { return outcomeSize(p.Reason, p.Properties, v) }

// Append appends the packet to b.
func (p *Disconnect) Append(b []byte, v Version) []byte {
	b = appendHeader(b, TypeDisconnect, 0, p.remaining(v))
	return appendOutcome(b, p.Reason, p.Properties, v)
}
