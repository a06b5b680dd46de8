package mqtt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"

	"reddot/cmd/internal/load/frames"
)

// The packets of MQTT 3.1.1 that the generator sends and understands (section
// 2.2.1), as they stand in the upper half of the first byte.
const (
	Connect    = 1
	Connack    = 2
	Publish    = 3
	Puback     = 4
	Subscribe  = 8
	Suback     = 9
	Pingreq    = 12
	Pingresp   = 13
	Disconnect = 14
)

// Ping is a PINGREQ (section 3.12).
var Ping = []byte{Pingreq << 4, 0}

// ErrProtocol says that what came is no MQTT.
var ErrProtocol = errors.New("not MQTT")

// A Framer takes what a broker sends apart, in pieces of any size.
type Framer struct{ frames.Pieces }

// Feed calls one with each packet: its first byte, and what follows its length.
func (f *Framer) Feed(b []byte, one func(first byte, body []byte) error) error {
	return f.Each(b, func(b []byte) (int, error) {
		size, at := 0, 1
		for shift := 0; ; shift += 7 {
			switch {
			case at > 4:
				return 0, fmt.Errorf("%w: a length of more than four bytes", ErrProtocol)
			case at >= len(b):
				return 0, nil
			}
			c := b[at]
			size |= int(c&0x7f) << shift
			at++
			if c < 0x80 {
				break
			}
		}
		switch end := at + size; {
		case size > frames.Max:
			return 0, fmt.Errorf("%w: a packet of %d bytes", ErrProtocol, size)
		case len(b) < end:
			return 0, nil
		default:
			return end, one(b[0], b[at:end])
		}
	})
}

// appendMQTT appends a packet's first byte and the length of what follows.
func appendMQTT(b []byte, first byte, size int) []byte {
	b = append(b, first)
	for ; size >= 0x80; size >>= 7 {
		b = append(b, byte(size)|0x80)
	}
	return append(b, byte(size))
}

func appendMQTTString[T string | []byte](b []byte, s T) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// AppendConnect appends a CONNECT (section 3.1) with a clean session, or one that
// lasts.
func AppendConnect(b []byte, client, user, password string, keepAlive int, lasting bool) []byte {
	flags, size := byte(0x02), 10+2+len(client)
	if lasting {
		flags = 0
	}
	if user != "" {
		flags |= 0x80
		size += 2 + len(user)
	}
	if password != "" {
		flags |= 0x40
		size += 2 + len(password)
	}
	b = appendMQTT(b, Connect<<4, size)
	b = append(appendMQTTString(b, "MQTT"), 4, flags)
	b = binary.BigEndian.AppendUint16(b, uint16(keepAlive))
	b = appendMQTTString(b, client)
	if user != "" {
		b = appendMQTTString(b, user)
	}
	if password != "" {
		b = appendMQTTString(b, password)
	}
	return b
}

// AppendSubscribe appends a SUBSCRIBE of one filter (section 3.8).
func AppendSubscribe(b []byte, id uint16, filter []byte, qos int) []byte {
	b = appendMQTT(b, Subscribe<<4|2, 5+len(filter))
	b = appendMQTTString(binary.BigEndian.AppendUint16(b, id), filter)
	return append(b, byte(qos))
}

// AppendPublish appends a PUBLISH (section 3.3).
func AppendPublish(b, topic, payload []byte, qos int, id uint16) []byte {
	size := 2 + len(topic) + len(payload)
	if qos > 0 {
		size += 2
	}
	b = appendMQTTString(appendMQTT(b, Publish<<4|byte(qos<<1), size), topic)
	if qos > 0 {
		b = binary.BigEndian.AppendUint16(b, id)
	}
	return append(b, payload...)
}

// AppendPuback appends a PUBACK (section 3.4).
func AppendPuback(b []byte, id uint16) []byte {
	return binary.BigEndian.AppendUint16(append(b, Puback<<4, 2), id)
}

// A Published is a PUBLISH taken apart; its slices are parts of the packet.
type Published struct {
	Topic, Payload []byte
	ID             uint16 // 0: QoS 0
	again          bool   // DUP
}

// ParsePublish reads a PUBLISH of QoS 0 or 1.
func ParsePublish(first byte, body []byte) (p Published, err error) {
	bad := fmt.Errorf("%w: a PUBLISH that is cut, or of QoS 2 or 3", ErrProtocol)
	qos := first >> 1 & 3
	if len(body) < 2 || qos > 1 {
		return p, bad
	}
	n := 2 + int(binary.BigEndian.Uint16(body))
	head := n + 2*int(qos)
	if len(body) < head {
		return p, bad
	}
	p.Topic, p.Payload, p.again = body[2:n], body[head:], first&8 != 0
	if qos == 1 {
		if p.ID = binary.BigEndian.Uint16(body[n:]); p.ID == 0 {
			return p, bad
		}
	}
	return p, nil
}

// ParseConnack returns nil if the connection is accepted.
func ParseConnack(body []byte) error {
	switch {
	case len(body) != 2:
		return fmt.Errorf("%w: a CONNACK of %d bytes", ErrProtocol, len(body))
	case body[1] != 0:
		return fmt.Errorf("CONNACK %d", body[1])
	}
	return nil
}

// ParseSuback returns nil if the one filter was granted.
func ParseSuback(body []byte) error {
	switch {
	case len(body) != 3:
		return fmt.Errorf("%w: a SUBACK of %d bytes", ErrProtocol, len(body))
	case body[2] > 2:
		return fmt.Errorf("SUBACK %#x: the subscription is refused", body[2])
	}
	return nil
}

// Address returns the host and port of a broker's URL.
func Address(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", err
	}
	if u.Scheme != "mqtt" || u.Hostname() == "" {
		return "", fmt.Errorf("%q is no mqtt:// URL", raw)
	}
	if u.Port() == "" {
		return u.Host + ":1883", nil
	}
	return u.Host, nil
}
