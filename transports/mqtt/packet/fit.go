package packet

// Fit makes p small enough for a receiver that takes at most limit bytes, its
// Maximum Packet Size, and tells whether it is. What may be left out is left
// out: the User Properties first, then the Reason String, of every packet that
// answers something. Nothing of a PUBLISH may be [MQTT-3.3.2-17]: one that does
// not fit is not sent, and counts as sent [MQTT-3.1.2-24] [MQTT-3.1.2-25].
//
// Fit also finds what can't be encoded at all; after true, Append does not
// panic.
//
// The rules, two for each packet: [MQTT-3.2.2-19] [MQTT-3.2.2-20]
// [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2]
// [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2]
// [MQTT-3.11.2-1] [MQTT-3.11.2-2] [MQTT-3.14.2-3] [MQTT-3.14.2-4]
// [MQTT-3.15.2-2] [MQTT-3.15.2-3].
func Fit(p Packet, v Version, limit int) bool {
	limit = min(limit, MaxSize)
	if p.Size(v) <= limit {
		return true
	}
	ps := diagnostics(p)
	if ps == nil || v != V5 {
		return false
	}
	for _, id := range []PropertyID{UserProperty, ReasonString} {
		ps.Delete(id)
		if p.Size(v) <= limit {
			return true
		}
	}
	return false
}

// diagnostics returns the properties of a packet that may lose those which only
// explain, nil for one that may not.
func diagnostics(p Packet) *Properties {
	switch p := p.(type) {
	case *Connack:
		return &p.Properties
	case *Puback:
		return &p.Properties
	case *Pubrec:
		return &p.Properties
	case *Pubrel:
		return &p.Properties
	case *Pubcomp:
		return &p.Properties
	case *Suback:
		return &p.Properties
	case *Unsuback:
		return &p.Properties
	case *Disconnect:
		return &p.Properties
	case *Auth:
		return &p.Properties
	}
	return nil
}
