package packet

// Pingreq asks whether the other side is there (MQTT 5, 3.12).
type Pingreq struct{}

// Pingresp answers a Pingreq (MQTT 5, 3.13).
type Pingresp struct{}

// Type returns TypePingreq.
func (p *Pingreq) Type() Type { return TypePingreq }

// Type returns TypePingresp.
func (p *Pingresp) Type() Type { return TypePingresp }

// Decode reads a frame into p.
func (p *Pingreq) Decode(frame []byte, v Version) error { return decodeEmpty(frame, TypePingreq, v) }

// Decode reads a frame into p.
func (p *Pingresp) Decode(frame []byte, v Version) error { return decodeEmpty(frame, TypePingresp, v) }

// Check returns nil.
func (p *Pingreq) Check(Version) error { return nil }

// Check returns nil.
func (p *Pingresp) Check(Version) error { return nil }

// Size returns how many bytes Append adds.
func (p *Pingreq) Size(Version) int { return whole(0) }

// Size returns how many bytes Append adds.
func (p *Pingresp) Size(Version) int { return whole(0) }

// Append appends the packet to b.
func (p *Pingreq) Append(b []byte, _ Version) []byte { return appendHeader(b, TypePingreq, 0, 0) }

// Append appends the packet to b.
func (p *Pingresp) Append(b []byte, _ Version) []byte { return appendHeader(b, TypePingresp, 0, 0) }

func decodeEmpty(frame []byte, t Type, v Version) error {
	r, err := open(frame, t, v)
	if err != nil {
		return err
	}
	return r.close()
}
