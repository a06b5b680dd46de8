package load

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The packets of MQTT 3.1.1 that the generator sends and understands (section
// 2.2.1), as they stand in the upper half of the first byte.
const (
	mqttConnect    = 1
	mqttConnack    = 2
	mqttPublish    = 3
	mqttPuback     = 4
	mqttSubscribe  = 8
	mqttSuback     = 9
	mqttPingreq    = 12
	mqttPingresp   = 13
	mqttDisconnect = 14
)

var errMQTT = errors.New("not MQTT")

// An mqttFramer takes what a broker sends apart, in pieces of any size.
type mqttFramer struct{ framed }

// feed calls one with each packet: its first byte, and what follows its length.
func (f *mqttFramer) feed(b []byte, one func(first byte, body []byte) error) error {
	return f.each(b, func(b []byte) (int, error) {
		size, at := 0, 1
		for shift := 0; ; shift += 7 {
			switch {
			case at > 4:
				return 0, fmt.Errorf("%w: a length of more than four bytes", errMQTT)
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
		case size > maxFrame:
			return 0, fmt.Errorf("%w: a packet of %d bytes", errMQTT, size)
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

// appendConnect appends a CONNECT (section 3.1) with a clean session, or one that
// lasts.
func appendConnect(b []byte, client, user, password string, keepAlive int, lasting bool) []byte {
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
	b = appendMQTT(b, mqttConnect<<4, size)
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

// appendSubscribe appends a SUBSCRIBE of one filter (section 3.8).
func appendSubscribe(b []byte, id uint16, filter []byte, qos int) []byte {
	b = appendMQTT(b, mqttSubscribe<<4|2, 5+len(filter))
	b = appendMQTTString(binary.BigEndian.AppendUint16(b, id), filter)
	return append(b, byte(qos))
}

// appendPublish appends a PUBLISH (section 3.3).
func appendPublish(b, topic, payload []byte, qos int, id uint16) []byte {
	size := 2 + len(topic) + len(payload)
	if qos > 0 {
		size += 2
	}
	b = appendMQTTString(appendMQTT(b, mqttPublish<<4|byte(qos<<1), size), topic)
	if qos > 0 {
		b = binary.BigEndian.AppendUint16(b, id)
	}
	return append(b, payload...)
}

// appendPuback appends a PUBACK (section 3.4).
func appendPuback(b []byte, id uint16) []byte {
	return binary.BigEndian.AppendUint16(append(b, mqttPuback<<4, 2), id)
}

// A published is a PUBLISH taken apart; its slices are parts of the packet.
type published struct {
	topic, payload []byte
	id             uint16 // 0: QoS 0
	again          bool   // DUP
}

func parsePublish(first byte, body []byte) (p published, err error) {
	bad := fmt.Errorf("%w: a PUBLISH that is cut, or of QoS 2 or 3", errMQTT)
	qos := first >> 1 & 3
	if len(body) < 2 || qos > 1 {
		return p, bad
	}
	n := 2 + int(binary.BigEndian.Uint16(body))
	head := n + 2*int(qos)
	if len(body) < head {
		return p, bad
	}
	p.topic, p.payload, p.again = body[2:n], body[head:], first&8 != 0
	if qos == 1 {
		if p.id = binary.BigEndian.Uint16(body[n:]); p.id == 0 {
			return p, bad
		}
	}
	return p, nil
}

// parseConnack returns nil if the connection is accepted.
func parseConnack(body []byte) error {
	switch {
	case len(body) != 2:
		return fmt.Errorf("%w: a CONNACK of %d bytes", errMQTT, len(body))
	case body[1] != 0:
		return fmt.Errorf("CONNACK %d", body[1])
	}
	return nil
}

// parseSuback returns nil if the one filter was granted.
func parseSuback(body []byte) error {
	switch {
	case len(body) != 3:
		return fmt.Errorf("%w: a SUBACK of %d bytes", errMQTT, len(body))
	case body[2] > 2:
		return fmt.Errorf("SUBACK %#x: the subscription is refused", body[2])
	}
	return nil
}
