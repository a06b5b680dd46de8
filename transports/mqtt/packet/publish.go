package packet

// Publish carries a message (MQTT 5, 3.3).
type Publish struct {
	Dup    bool // was sent before
	QoS    QoS
	Retain bool
	// ID is the packet identifier; with QoS 0 there is none, and it is 0.
	ID uint16
	// Topic is empty only in MQTT 5 and with a Topic Alias.
	Topic      []byte
	Properties Properties
	Payload    []byte
}

// Type returns TypePublish.
func (p *Publish) Type() Type { return TypePublish }

// Decode reads a frame into p, and refers to it afterwards.
func (p *Publish) Decode(frame []byte, v Version) error {
	*p = Publish{}
	r, err := open(frame, TypePublish, v)
	if err != nil {
		return err
	}
	p.Dup = frame[0]&0x08 != 0
	p.QoS = QoS(frame[0] >> 1 & 0x03)
	p.Retain = frame[0]&0x01 != 0
	p.Topic = r.bytes("the topic name")
	if p.QoS > 0 { // [MQTT-2.2.1-2]; 3.1.1: [MQTT-2.3.1-5]
		p.ID = r.uint16("the packet identifier")
	}
	p.Properties = r.properties(v)
	p.Payload = r.rest()
	if err := r.close(); err != nil {
		return err
	}
	return p.Check(v)
}

// Check tells whether the standard allows the packet.
func (p *Publish) Check(v Version) error {
	switch {
	case p.QoS > ExactlyOnce: // [MQTT-3.3.1-4]
		return malformed("PUBLISH has QoS %d", p.QoS)
	case p.QoS == 0 && p.Dup: // [MQTT-3.3.1-2]
		return malformed("PUBLISH has DUP and QoS 0")
	case p.QoS == 0 && p.ID != 0: // [MQTT-2.2.1-2]; 3.1.1: [MQTT-2.3.1-5]
		return forbidden("PUBLISH has a packet identifier and QoS 0")
	}
	if p.QoS > 0 {
		if err := checkID(p.ID); err != nil {
			return err
		}
	}
	if err := p.Properties.checkIn(TypePublish, v); err != nil {
		return err
	}
	if len(p.Topic) > 0 {
		return checkName(MalformedPacket, "the topic name", p.Topic) // [MQTT-3.3.2-1] [MQTT-3.3.2-2]
	}
	if v != V5 || !p.Properties.Has(TopicAlias) { // [MQTT-4.7.3-1]; MQTT 5, 3.3.2.1
		return forbidden("the topic name is empty")
	}
	return nil
}

// Size returns how many bytes Append adds.
func (p *Publish) Size(v Version) int { return whole(p.remaining(v)) }

func (p *Publish) remaining(v Version) int {
	n := bytesSize(p.Topic) + p.Properties.size(v) + len(p.Payload)
	if p.QoS > 0 {
		n += 2
	}
	return n
}

// Append appends the packet to b. It allocates nothing if b has the room.
func (p *Publish) Append(b []byte, v Version) []byte {
	b = appendHeader(b, TypePublish, p.flags(), p.remaining(v))
	b = appendBytes(b, p.Topic)
	if p.QoS > 0 {
		b = append(b, byte(p.ID>>8), byte(p.ID))
	}
	b = p.Properties.append(b, v)
	return append(b, p.Payload...)
}

func (p *Publish) flags() byte {
	f := byte(p.QoS) << 1
	if p.Dup {
		f |= 0x08
	}
	if p.Retain {
		f |= 0x01
	}
	return f
}
