package packet

import "fmt"

// Version is a protocol version, by its number in CONNECT.
type Version byte

// The versions that this package speaks.
const (
	V311 Version = 4 // MQTT 3.1.1
	V5   Version = 5 // MQTT 5.0
)

// String returns the version as people write it.
func (v Version) String() string {
	switch v {
	case V311:
		return "MQTT 3.1.1"
	case V5:
		return "MQTT 5.0"
	}
	return fmt.Sprintf("protocol version %d", byte(v))
}

func (v Version) known() bool { return v == V311 || v == V5 }

// Type is the kind of a packet (MQTT 5, 2.1.2).
type Type byte

// The kinds of packets.
const (
	TypeConnect     Type = 1
	TypeConnack     Type = 2
	TypePublish     Type = 3
	TypePuback      Type = 4
	TypePubrec      Type = 5
	TypePubrel      Type = 6
	TypePubcomp     Type = 7
	TypeSubscribe   Type = 8
	TypeSuback      Type = 9
	TypeUnsubscribe Type = 10
	TypeUnsuback    Type = 11
	TypePingreq     Type = 12
	TypePingresp    Type = 13
	TypeDisconnect  Type = 14
	TypeAuth        Type = 15 // only in MQTT 5
)

var typeNames = [16]string{
	"reserved", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
	"SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

// String returns the standard's name of the packet.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", byte(t))
}

// flags are the four reserved bits of a packet other than PUBLISH.
func (t Type) flags() byte {
	switch t {
	case TypePubrel, TypeSubscribe, TypeUnsubscribe: // [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]
		return 0x02
	}
	return 0
}

// A typeSet has one bit for each Type, and inWill for the will in CONNECT,
// which has properties of its own.
type typeSet uint16

const inWill typeSet = 1

func setOf(types ...Type) typeSet {
	var s typeSet
	for _, t := range types {
		s |= 1 << t
	}
	return s
}

func (s typeSet) has(t Type) bool { return s&(1<<t) != 0 }

// QoS is the quality of service of a message or a subscription: 0, 1 or 2.
type QoS byte

// The qualities of service (MQTT 5, 4.3).
const (
	AtMostOnce  QoS = 0
	AtLeastOnce QoS = 1
	ExactlyOnce QoS = 2
)

// A Packet is one MQTT control packet: a pointer to one of Connect, Connack,
// Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback, Unsubscribe,
// Unsuback, Pingreq, Pingresp, Disconnect and Auth.
type Packet interface {
	// Type returns the kind of the packet.
	Type() Type
	// Check returns an *Error if the standard forbids the packet in this
	// version, and nil otherwise. What the version can't carry is not looked at.
	Check(v Version) error
	// Size returns how many bytes Append adds. It is more than MaxSize if the
	// packet can't be encoded: a string of more than MaxString bytes, a packet
	// that is too long, or one that the version does not have.
	Size(v Version) int
	// Append appends the packet to b, which grows at most once. 3.1.1 has no
	// properties and fewer reason codes: the former are dropped, the latter
	// become the nearest. Append panics where Size is more than MaxSize;
	// use Fit for what others had a part in.
	Append(b []byte, v Version) []byte
}

// Decode returns the packet in a frame that Split returned. The packet refers
// to the frame's bytes. v is what the connection speaks; CONNECT, which brings
// the version, does not look at it. Every error is an *Error.
//
// Each packet's own method Decode does the same into a value that is there
// already, so that a loop need not allocate.
func Decode(frame []byte, v Version) (Packet, error) {
	p := blank(frame)
	if p == nil {
		return nil, malformed("packet type 0 is reserved") // [MQTT-2.1.3-1]
	}
	if err := p.Decode(frame, v); err != nil {
		return nil, err
	}
	return p, nil
}

type decoder interface {
	Packet
	Decode(frame []byte, v Version) error
}

// blank returns an empty packet of the frame's type, nil if it has none.
func blank(frame []byte) decoder {
	if len(frame) == 0 {
		return nil
	}
	switch Type(frame[0] >> 4) {
	case TypeConnect:
		return new(Connect)
	case TypeConnack:
		return new(Connack)
	case TypePublish:
		return new(Publish)
	case TypePuback:
		return new(Puback)
	case TypePubrec:
		return new(Pubrec)
	case TypePubrel:
		return new(Pubrel)
	case TypePubcomp:
		return new(Pubcomp)
	case TypeSubscribe:
		return new(Subscribe)
	case TypeSuback:
		return new(Suback)
	case TypeUnsubscribe:
		return new(Unsubscribe)
	case TypeUnsuback:
		return new(Unsuback)
	case TypePingreq:
		return new(Pingreq)
	case TypePingresp:
		return new(Pingresp)
	case TypeDisconnect:
		return new(Disconnect)
	case TypeAuth:
		return new(Auth)
	}
	return nil
}
