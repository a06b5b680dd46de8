package packet

// Connack answers a CONNECT (MQTT 5, 3.2).
type Connack struct {
	SessionPresent bool
	// Reason is a code of MQTT 5. In 3.1.1, Append writes its ReturnCode, and
	// Decode gives the Reason for the return code.
	Reason     Reason
	Properties Properties
}

// Type returns TypeConnack.
func (p *Connack) Type() Type { return TypeConnack }

// Decode reads a frame into p, and refers to it afterwards.
func (p *Connack) Decode(frame []byte, v Version) error {
	*p = Connack{}
	r, err := open(frame, TypeConnack, v)
	if err != nil {
		return err
	}
	flags := r.byte("the acknowledge flags")
	code := r.byte("the reason code")
	p.Properties = r.properties(v)
	if err := r.close(); err != nil {
		return err
	}
	if flags > 1 { // [MQTT-3.2.2-1]
		return malformed("a reserved acknowledge flag is set")
	}
	p.SessionPresent = flags == 1
	p.Reason = Reason(code)
	if v == V311 {
		if int(code) >= len(returnCodes) { // 3.1.1, 3.2.2.3
			return malformed("CONNACK has the reserved return code %d", code)
		}
		p.Reason = returnCodes[code]
	}
	return p.Check(v)
}

// Check tells whether the standard allows the packet.
func (p *Connack) Check(v Version) error {
	if err := checkReason(p.Reason, TypeConnack); err != nil {
		return err
	}
	if p.SessionPresent && p.Reason != Success { // [MQTT-3.2.2-6]; 3.1.1: [MQTT-3.2.2-4]
		return forbidden("CONNACK has a session present and refuses the connection")
	}
	return p.Properties.checkIn(TypeConnack, v)
}

// Size returns how many bytes Append adds.
func (p *Connack) Size(v Version) int { return whole(p.remaining(v)) }

func (p *Connack) remaining(v Version) int { return 2 + p.Properties.size(v) }

// Append appends the packet to b.
func (p *Connack) Append(b []byte, v Version) []byte {
	b = appendHeader(b, TypeConnack, 0, p.remaining(v))
	var flags byte
	if p.SessionPresent {
		flags = 1
	}
	code := byte(p.Reason)
	if v != V5 {
		code = p.Reason.ReturnCode()
	}
	return p.Properties.append(append(b, flags, code), v)
}
