package packet

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

// FuzzMochi decodes anything with the decoder of mochi-mqtt too: where both
// accept, the fields agree. What is encoded here must be accepted there.
func FuzzMochi(f *testing.F) {
	seeds(f, func(v Version, b []byte) { f.Add(b, v == V5) })
	f.Fuzz(func(t *testing.T, b []byte, five bool) {
		v := V311
		if five {
			v = V5
		}
		frame, _, err := Split(b, MaxSize)
		if err != nil || frame == nil {
			return
		}
		p, err := Decode(frame, v)
		if err != nil {
			return
		}
		if theirs, err := mochi(bytes.Clone(frame), v); err == nil {
			agree(t, p, theirs, v)
		}
		encoded := p.Append(nil, v)
		theirs, err := mochi(encoded, v)
		if err != nil && !refusesMore(p) {
			t.Fatalf("%s encodes to % x, which mochi refuses: %v", dump(p), encoded, err)
		}
		if err == nil {
			agree(t, p, theirs, v)
		}
	})
}

// refusesMore tells where mochi refuses what the standard allows: an AUTH that
// says nothing, an empty password, an empty will, no user name with a password.
func refusesMore(p Packet) bool {
	switch p := p.(type) {
	case *Auth:
		return p.Properties.Empty()
	case *Connect:
		return p.Password != nil && len(p.Password) == 0 || p.Will != nil && len(p.Will.Payload) == 0
	case *Publish:
		// A Subscription Identifier is a server's, a Topic Alias has a maximum.
		return p.Properties.Has(SubscriptionIdentifier)
	}
	return false
}

// mochi decodes and validates a frame. Its decoder panics on some inputs.
func mochi(frame []byte, v Version) (pk *packets.Packet, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	pk = &packets.Packet{ProtocolVersion: byte(v)}
	if err := pk.FixedHeader.Decode(frame[0]); err != nil {
		return nil, err
	}
	n, size, err := packets.DecodeLength(bytes.NewReader(frame[1:]))
	if err != nil {
		return nil, err
	}
	pk.FixedHeader.Remaining = n
	body := frame[1+size:]
	code := packets.CodeSuccess
	switch Type(pk.FixedHeader.Type) {
	case TypeConnect:
		if err = pk.ConnectDecode(body); err == nil {
			code = pk.ConnectValidate()
		}
	case TypeConnack:
		err = pk.ConnackDecode(body)
	case TypePublish:
		if err = pk.PublishDecode(body); err == nil {
			code = pk.PublishValidate(65_535)
		}
	case TypePuback:
		err = pk.PubackDecode(body)
	case TypePubrec:
		err = pk.PubrecDecode(body)
	case TypePubrel:
		err = pk.PubrelDecode(body)
	case TypePubcomp:
		err = pk.PubcompDecode(body)
	case TypeSubscribe:
		if err = pk.SubscribeDecode(body); err == nil {
			code = pk.SubscribeValidate()
		}
	case TypeSuback:
		err = pk.SubackDecode(body)
	case TypeUnsubscribe:
		if err = pk.UnsubscribeDecode(body); err == nil {
			code = pk.UnsubscribeValidate()
		}
	case TypeUnsuback:
		err = pk.UnsubackDecode(body)
	case TypeDisconnect:
		err = pk.DisconnectDecode(body)
	case TypeAuth:
		if err = pk.AuthDecode(body); err == nil {
			code = pk.AuthValidate()
		}
	}
	if err == nil && code.Code >= 0x80 {
		err = errors.New(code.Reason)
	}
	return pk, err
}

// agree compares what both decoded.
func agree(t *testing.T, p Packet, m *packets.Packet, v Version) {
	t.Helper()
	ours, theirs := flat(p, v), flatMochi(p.Type(), m, v)
	if ours != theirs {
		t.Fatalf("%s\nhere:  %s\nmochi: %s", dump(p), ours, theirs)
	}
}

// flat writes the fields that mochi has too, in one form for both.
func flat(p Packet, v Version) string {
	switch p := p.(type) {
	case *Connect:
		s := fmt.Sprintf("%d %t %d %q %q %q %s", p.Version, p.CleanStart, p.KeepAlive, p.ClientID, p.Username, []byte(p.Password), flatProperties(p.Properties))
		if w := p.Will; w != nil {
			s += fmt.Sprintf(" will %d %t %q %q %s", w.QoS, w.Retain, w.Topic, w.Payload, flatProperties(w.Properties))
		}
		return s
	case *Connack:
		code := byte(p.Reason)
		if v == V311 {
			code = p.Reason.ReturnCode()
		}
		return fmt.Sprintf("%t %d %s", p.SessionPresent, code, flatProperties(p.Properties))
	case *Publish:
		return fmt.Sprintf("%t %d %t %d %q %q %s", p.Dup, p.QoS, p.Retain, p.ID, p.Topic, p.Payload, flatProperties(p.Properties))
	case *Puback:
		return flatAck((*ack)(p))
	case *Pubrec:
		return flatAck((*ack)(p))
	case *Pubrel:
		return flatAck((*ack)(p))
	case *Pubcomp:
		return flatAck((*ack)(p))
	case *Subscribe:
		s := fmt.Sprintf("%d %s", p.ID, flatProperties(p.Properties))
		for _, f := range p.Subscriptions {
			s += fmt.Sprintf(" %q %d %t %t %d", f.Filter, f.QoS, f.NoLocal, f.RetainAsPublished, f.RetainHandling)
		}
		return s
	case *Unsubscribe:
		s := fmt.Sprintf("%d %s", p.ID, flatProperties(p.Properties))
		for _, f := range p.Filters {
			s += fmt.Sprintf(" %q", f)
		}
		return s
	case *Suback:
		return fmt.Sprintf("%d %d %s", p.ID, p.Reasons, flatProperties(p.Properties))
	case *Unsuback:
		return fmt.Sprintf("%d %d %s", p.ID, p.Reasons, flatProperties(p.Properties))
	case *Disconnect:
		if p.Properties.Empty() {
			return "" // mochi overlooks a reason code without properties
		}
		return fmt.Sprintf("%d %s", p.Reason, flatProperties(p.Properties))
	case *Auth:
		return fmt.Sprintf("%d %s", p.Reason, flatProperties(p.Properties))
	}
	return ""
}

func flatAck(p *ack) string {
	return fmt.Sprintf("%d %d %s", p.ID, p.Reason, flatProperties(p.Properties))
}

func flatMochi(t Type, m *packets.Packet, v Version) string {
	ps := flatProperties(properties(&m.Properties))
	switch t {
	case TypeConnect:
		c := m.Connect
		s := fmt.Sprintf("%d %t %d %q %q %q %s", m.ProtocolVersion, c.Clean, c.Keepalive, c.ClientIdentifier, c.Username, c.Password, ps)
		if c.WillFlag {
			s += fmt.Sprintf(" will %d %t %q %q %s", c.WillQos, c.WillRetain, c.WillTopic, c.WillPayload, flatProperties(properties(&c.WillProperties)))
		}
		return s
	case TypeConnack:
		return fmt.Sprintf("%t %d %s", m.SessionPresent, m.ReasonCode, ps)
	case TypePublish:
		h := m.FixedHeader
		return fmt.Sprintf("%t %d %t %d %q %q %s", h.Dup, h.Qos, h.Retain, m.PacketID, m.TopicName, m.Payload, ps)
	case TypePuback, TypePubrec, TypePubrel, TypePubcomp:
		return fmt.Sprintf("%d %d %s", m.PacketID, m.ReasonCode, ps)
	case TypeSubscribe:
		s := fmt.Sprintf("%d %s", m.PacketID, ps)
		for _, f := range m.Filters {
			s += fmt.Sprintf(" %q %d %t %t %d", f.Filter, f.Qos, f.NoLocal, f.RetainAsPublished, f.RetainHandling)
		}
		return s
	case TypeUnsubscribe:
		s := fmt.Sprintf("%d %s", m.PacketID, ps)
		for _, f := range m.Filters {
			s += fmt.Sprintf(" %q", f.Filter)
		}
		return s
	case TypeSuback, TypeUnsuback:
		return fmt.Sprintf("%d %d %s", m.PacketID, m.ReasonCodes, ps)
	case TypeDisconnect:
		if ps == "" {
			return ""
		}
		return fmt.Sprintf("%d %s", m.ReasonCode, ps)
	case TypeAuth:
		return fmt.Sprintf("%d %s", m.ReasonCode, ps)
	}
	return ""
}

// flatProperties lists properties by their number. mochi does not tell an
// absent one from an empty or, for many, from 0; so those are left out.
func flatProperties(ps Properties) string {
	var b strings.Builder
	for i := range descriptions {
		for pr := range ps.all() {
			if pr.id == PropertyID(i) && (pr.n != 0 || len(pr.text)+len(pr.key) > 0) {
				fmt.Fprintf(&b, "%s %d %q %q;", pr.id, pr.n, pr.key, pr.text)
			}
		}
	}
	return b.String()
}

// properties makes Properties of mochi's.
func properties(m *packets.Properties) Properties {
	var ps Properties
	for id, n := range map[PropertyID]uint32{
		PayloadFormatIndicator: uint32(m.PayloadFormat), MessageExpiryInterval: m.MessageExpiryInterval,
		SessionExpiryInterval: m.SessionExpiryInterval, ServerKeepAlive: uint32(m.ServerKeepAlive),
		RequestProblemInformation: uint32(m.RequestProblemInfo), WillDelayInterval: m.WillDelayInterval,
		RequestResponseInformation: uint32(m.RequestResponseInfo), ReceiveMaximum: uint32(m.ReceiveMaximum),
		TopicAliasMaximum: uint32(m.TopicAliasMaximum), TopicAlias: uint32(m.TopicAlias), MaximumQoS: uint32(m.MaximumQos),
		RetainAvailable: uint32(m.RetainAvailable), MaximumPacketSize: m.MaximumPacketSize,
		WildcardSubscription: uint32(m.WildcardSubAvailable), SubscriptionIDsAvailable: uint32(m.SubIDAvailable),
		SharedSubscription: uint32(m.SharedSubAvailable),
	} {
		ps.SetUint(id, n)
	}
	for id, s := range map[PropertyID]string{
		ContentType: m.ContentType, ResponseTopic: m.ResponseTopic, CorrelationData: string(m.CorrelationData),
		AssignedClientIdentifier: m.AssignedClientID, AuthenticationMethod: m.AuthenticationMethod,
		AuthenticationData: string(m.AuthenticationData), ResponseInformation: m.ResponseInfo,
		ServerReference: m.ServerReference, ReasonString: m.ReasonString,
	} {
		ps.SetString(id, s)
	}
	for _, n := range m.SubscriptionIdentifier {
		ps.AddSubscriptionID(uint32(n))
	}
	for _, u := range m.User {
		ps.AddUser([]byte(u.Key), []byte(u.Val))
	}
	return ps
}
