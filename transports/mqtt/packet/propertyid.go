package packet

import (
	"encoding/binary"
	"fmt"
)

// PropertyID names a property (MQTT 5, 2.2.2.2).
type PropertyID byte

// The properties.
const (
	PayloadFormatIndicator     PropertyID = 0x01
	MessageExpiryInterval      PropertyID = 0x02 // seconds
	ContentType                PropertyID = 0x03
	ResponseTopic              PropertyID = 0x08
	CorrelationData            PropertyID = 0x09
	SubscriptionIdentifier     PropertyID = 0x0B
	SessionExpiryInterval      PropertyID = 0x11 // seconds; 0xFFFFFFFF is never
	AssignedClientIdentifier   PropertyID = 0x12
	ServerKeepAlive            PropertyID = 0x13 // seconds
	AuthenticationMethod       PropertyID = 0x15
	AuthenticationData         PropertyID = 0x16
	RequestProblemInformation  PropertyID = 0x17
	WillDelayInterval          PropertyID = 0x18 // seconds
	RequestResponseInformation PropertyID = 0x19
	ResponseInformation        PropertyID = 0x1A
	ServerReference            PropertyID = 0x1C
	ReasonString               PropertyID = 0x1F
	ReceiveMaximum             PropertyID = 0x21
	TopicAliasMaximum          PropertyID = 0x22
	TopicAlias                 PropertyID = 0x23
	MaximumQoS                 PropertyID = 0x24
	RetainAvailable            PropertyID = 0x25
	UserProperty               PropertyID = 0x26
	MaximumPacketSize          PropertyID = 0x27 // bytes
	WildcardSubscription       PropertyID = 0x28 // Wildcard Subscription Available
	SubscriptionIDsAvailable   PropertyID = 0x29 // Subscription Identifier Available
	SharedSubscription         PropertyID = 0x2A // Shared Subscription Available
)

// String returns the standard's name of the property.
func (id PropertyID) String() string {
	if d := describe(id); d != nil {
		return d.name
	}
	return fmt.Sprintf("property 0x%02x", byte(id))
}

// A kind is how a property's value is encoded.
type kind byte

const (
	kindByte kind = iota + 1
	kindUint16
	kindUint32
	kindVarint
	kindText
	kindBinary
	kindPair
)

func (k kind) number() bool { return k >= kindByte && k <= kindVarint }

// A description is what the standard says of one property.
type description struct {
	name     string
	kind     kind
	in       typeSet
	min, max uint32 // of a number
	absent   uint32 // what a missing number means
}

const (
	maxUint16 = 1<<16 - 1
	maxUint32 = 1<<32 - 1
)

var (
	inConnect  = setOf(TypeConnect)
	inPublish  = setOf(TypePublish)
	inMessage  = inPublish | inWill
	inAnswers  = inConnack | inReceipts | inReleases | inSuback | inUnsuback | inDisconnect | inAuth
	inRequest  = setOf(TypeSubscribe, TypeUnsubscribe)
	inHandling = inConnect | inConnack
)

var descriptions = [...]description{
	PayloadFormatIndicator:     {name: "Payload Format Indicator", kind: kindByte, in: inMessage, max: 1},
	MessageExpiryInterval:      {name: "Message Expiry Interval", kind: kindUint32, in: inMessage, max: maxUint32},
	ContentType:                {name: "Content Type", kind: kindText, in: inMessage},
	ResponseTopic:              {name: "Response Topic", kind: kindText, in: inMessage},
	CorrelationData:            {name: "Correlation Data", kind: kindBinary, in: inMessage},
	SubscriptionIdentifier:     {name: "Subscription Identifier", kind: kindVarint, in: inPublish | setOf(TypeSubscribe), min: 1, max: maxVarint},
	SessionExpiryInterval:      {name: "Session Expiry Interval", kind: kindUint32, in: inHandling | inDisconnect, max: maxUint32},
	AssignedClientIdentifier:   {name: "Assigned Client Identifier", kind: kindText, in: inConnack},
	ServerKeepAlive:            {name: "Server Keep Alive", kind: kindUint16, in: inConnack, max: maxUint16},
	AuthenticationMethod:       {name: "Authentication Method", kind: kindText, in: inHandling | inAuth},
	AuthenticationData:         {name: "Authentication Data", kind: kindBinary, in: inHandling | inAuth},
	RequestProblemInformation:  {name: "Request Problem Information", kind: kindByte, in: inConnect, max: 1, absent: 1},
	WillDelayInterval:          {name: "Will Delay Interval", kind: kindUint32, in: inWill, max: maxUint32},
	RequestResponseInformation: {name: "Request Response Information", kind: kindByte, in: inConnect, max: 1},
	ResponseInformation:        {name: "Response Information", kind: kindText, in: inConnack},
	ServerReference:            {name: "Server Reference", kind: kindText, in: inConnack | inDisconnect},
	ReasonString:               {name: "Reason String", kind: kindText, in: inAnswers},
	ReceiveMaximum:             {name: "Receive Maximum", kind: kindUint16, in: inHandling, min: 1, max: maxUint16, absent: maxUint16},
	TopicAliasMaximum:          {name: "Topic Alias Maximum", kind: kindUint16, in: inHandling, max: maxUint16},
	TopicAlias:                 {name: "Topic Alias", kind: kindUint16, in: inPublish, min: 1, max: maxUint16},
	MaximumQoS:                 {name: "Maximum QoS", kind: kindByte, in: inConnack, max: 1, absent: 2},
	RetainAvailable:            {name: "Retain Available", kind: kindByte, in: inConnack, max: 1, absent: 1},
	UserProperty:               {name: "User Property", kind: kindPair, in: inConnect | inMessage | inAnswers | inRequest},
	MaximumPacketSize:          {name: "Maximum Packet Size", kind: kindUint32, in: inHandling, min: 1, max: maxUint32, absent: MaxSize},
	WildcardSubscription:       {name: "Wildcard Subscription Available", kind: kindByte, in: inConnack, max: 1, absent: 1},
	SubscriptionIDsAvailable:   {name: "Subscription Identifier Available", kind: kindByte, in: inConnack, max: 1, absent: 1},
	SharedSubscription:         {name: "Shared Subscription Available", kind: kindByte, in: inConnack, max: 1, absent: 1},
}

// describe returns nil for a property that the standard does not have.
func describe(id PropertyID) *description {
	if int(id) >= len(descriptions) || descriptions[id].kind == 0 {
		return nil
	}
	return &descriptions[id]
}

// A property is one property as it stands on the wire.
type property struct {
	id   PropertyID
	n    uint32 // the value of a number
	key  []byte // of a User Property
	text []byte // the value of anything but a number
	size int    // bytes on the wire, the identifier included
}

// cut reads the property at the start of b.
func cut(b []byte) (property, error) {
	// The identifier is a variable byte integer; all that exist take one byte.
	p := property{id: PropertyID(b[0])}
	d := describe(p.id)
	if d == nil { // MQTT 5, 2.2.2.2
		return p, malformed("there is no property 0x%02x", b[0])
	}
	r := reader{b: b[1:]}
	switch d.kind {
	case kindByte:
		p.n = uint32(r.byte(d.name))
	case kindUint16:
		p.n = uint32(r.uint16(d.name))
	case kindUint32:
		if s := r.take(4, d.name); s != nil {
			p.n = binary.BigEndian.Uint32(s)
		}
	case kindVarint:
		n, size := varint(r.b)
		if size <= 0 || size != varintSize(int(n)) { // [MQTT-1.5.5-1]
			return p, malformed("%s is no variable byte integer", d.name)
		}
		p.n = n
		r.take(size, d.name)
	case kindPair:
		p.key = r.bytes(d.name)
		p.text = r.bytes(d.name)
	default:
		p.text = r.bytes(d.name)
	}
	p.size = len(b) - r.left()
	return p, r.fail
}

// check refuses a value that the property may not have.
func (p *property) check() error {
	d := &descriptions[p.id]
	switch {
	case p.id == TopicAlias && p.n == 0: // [MQTT-3.3.2-8]
		return refuse(TopicAliasInvalid, "Topic Alias is 0")
	case p.id == ResponseTopic: // [MQTT-3.3.2-13] [MQTT-3.3.2-14]
		return checkName(ProtocolError, d.name, p.text)
	case d.kind == kindText: // [MQTT-3.3.2-19], and as every text [MQTT-1.5.4-1]
		return checkText(d.name, p.text)
	case d.kind == kindPair: // [MQTT-1.5.7-1]
		if err := checkText(d.name, p.key); err != nil {
			return err
		}
		return checkText(d.name, p.text)
	case d.kind.number() && (p.n < d.min || p.n > d.max): // MQTT 5, 3.1.2.11 and 3.2.2.3
		return forbidden("%s is %d; it may be %d to %d", d.name, p.n, d.min, d.max)
	}
	return nil
}
