package packet

import "fmt"

// Reason is a reason code of MQTT 5 (2.4). From 0x80 on it is a failure.
type Reason byte

// The reason codes.
const (
	Success                    Reason = 0x00
	NormalDisconnection        Reason = 0x00 // Success, in DISCONNECT
	GrantedQoS0                Reason = 0x00 // Success, in SUBACK
	GrantedQoS1                Reason = 0x01
	GrantedQoS2                Reason = 0x02
	DisconnectWithWill         Reason = 0x04
	NoMatchingSubscribers      Reason = 0x10
	NoSubscriptionExisted      Reason = 0x11
	ContinueAuthentication     Reason = 0x18
	ReAuthenticate             Reason = 0x19
	UnspecifiedError           Reason = 0x80
	MalformedPacket            Reason = 0x81
	ProtocolError              Reason = 0x82
	ImplementationError        Reason = 0x83
	UnsupportedProtocolVersion Reason = 0x84
	ClientIDNotValid           Reason = 0x85
	BadUsernameOrPassword      Reason = 0x86
	NotAuthorized              Reason = 0x87
	ServerUnavailable          Reason = 0x88
	ServerBusy                 Reason = 0x89
	Banned                     Reason = 0x8A
	ServerShuttingDown         Reason = 0x8B
	BadAuthenticationMethod    Reason = 0x8C
	KeepAliveTimeout           Reason = 0x8D
	SessionTakenOver           Reason = 0x8E
	TopicFilterInvalid         Reason = 0x8F
	TopicNameInvalid           Reason = 0x90
	PacketIDInUse              Reason = 0x91
	PacketIDNotFound           Reason = 0x92
	ReceiveMaximumExceeded     Reason = 0x93
	TopicAliasInvalid          Reason = 0x94
	PacketTooLarge             Reason = 0x95
	MessageRateTooHigh         Reason = 0x96
	QuotaExceeded              Reason = 0x97
	AdministrativeAction       Reason = 0x98
	PayloadFormatInvalid       Reason = 0x99
	RetainNotSupported         Reason = 0x9A
	QoSNotSupported            Reason = 0x9B
	UseAnotherServer           Reason = 0x9C
	ServerMoved                Reason = 0x9D
	SharedNotSupported         Reason = 0x9E
	ConnectionRateExceeded     Reason = 0x9F
	MaximumConnectTime         Reason = 0xA0
	SubscriptionIDNotSupported Reason = 0xA1
	WildcardNotSupported       Reason = 0xA2
)

// Failed tells whether the code is a failure.
func (r Reason) Failed() bool { return r >= 0x80 }

// String returns the standard's name of the code, in small letters.
func (r Reason) String() string {
	if name := reasons[r].name; name != "" {
		return name
	}
	return fmt.Sprintf("reason code 0x%02x", byte(r))
}

// In tells whether a packet of type t may carry the code. The table of 3.14.2.1
// lacks 0x8C in DISCONNECT and the one of 2.4 has it; so it may.
func (r Reason) In(t Type) bool { return reasons[r].in.has(t) }

// Where reason codes occur (MQTT 5, 2.4).
var (
	inConnack    = setOf(TypeConnack)
	inReceipts   = setOf(TypePuback, TypePubrec)
	inReleases   = setOf(TypePubrel, TypePubcomp)
	inSuback     = setOf(TypeSuback)
	inUnsuback   = setOf(TypeUnsuback)
	inDisconnect = setOf(TypeDisconnect)
	inAuth       = setOf(TypeAuth)
	inRequests   = inReceipts | inSuback | inUnsuback
)

var reasons = [256]struct {
	name string
	in   typeSet
}{
	Success:                    {"success", inConnack | inReceipts | inReleases | inSuback | inUnsuback | inDisconnect | inAuth},
	GrantedQoS1:                {"granted QoS 1", inSuback},
	GrantedQoS2:                {"granted QoS 2", inSuback},
	DisconnectWithWill:         {"disconnect with will message", inDisconnect},
	NoMatchingSubscribers:      {"no matching subscribers", inReceipts},
	NoSubscriptionExisted:      {"no subscription existed", inUnsuback},
	ContinueAuthentication:     {"continue authentication", inAuth},
	ReAuthenticate:             {"re-authenticate", inAuth},
	UnspecifiedError:           {"unspecified error", inConnack | inRequests | inDisconnect},
	MalformedPacket:            {"malformed packet", inConnack | inDisconnect},
	ProtocolError:              {"protocol error", inConnack | inDisconnect},
	ImplementationError:        {"implementation specific error", inConnack | inRequests | inDisconnect},
	UnsupportedProtocolVersion: {"unsupported protocol version", inConnack},
	ClientIDNotValid:           {"client identifier not valid", inConnack},
	BadUsernameOrPassword:      {"bad user name or password", inConnack},
	NotAuthorized:              {"not authorized", inConnack | inRequests | inDisconnect},
	ServerUnavailable:          {"server unavailable", inConnack},
	ServerBusy:                 {"server busy", inConnack | inDisconnect},
	Banned:                     {"banned", inConnack},
	ServerShuttingDown:         {"server shutting down", inDisconnect},
	BadAuthenticationMethod:    {"bad authentication method", inConnack | inDisconnect},
	KeepAliveTimeout:           {"keep alive timeout", inDisconnect},
	SessionTakenOver:           {"session taken over", inDisconnect},
	TopicFilterInvalid:         {"topic filter invalid", inSuback | inUnsuback | inDisconnect},
	TopicNameInvalid:           {"topic name invalid", inConnack | inReceipts | inDisconnect},
	PacketIDInUse:              {"packet identifier in use", inRequests},
	PacketIDNotFound:           {"packet identifier not found", inReleases},
	ReceiveMaximumExceeded:     {"receive maximum exceeded", inDisconnect},
	TopicAliasInvalid:          {"topic alias invalid", inDisconnect},
	PacketTooLarge:             {"packet too large", inConnack | inDisconnect},
	MessageRateTooHigh:         {"message rate too high", inDisconnect},
	QuotaExceeded:              {"quota exceeded", inConnack | inReceipts | inSuback | inDisconnect},
	AdministrativeAction:       {"administrative action", inDisconnect},
	PayloadFormatInvalid:       {"payload format invalid", inConnack | inReceipts | inDisconnect},
	RetainNotSupported:         {"retain not supported", inConnack | inDisconnect},
	QoSNotSupported:            {"QoS not supported", inConnack | inDisconnect},
	UseAnotherServer:           {"use another server", inConnack | inDisconnect},
	ServerMoved:                {"server moved", inConnack | inDisconnect},
	SharedNotSupported:         {"shared subscriptions not supported", inSuback | inDisconnect},
	ConnectionRateExceeded:     {"connection rate exceeded", inConnack | inDisconnect},
	MaximumConnectTime:         {"maximum connect time", inDisconnect},
	SubscriptionIDNotSupported: {"subscription identifiers not supported", inSuback | inDisconnect},
	WildcardNotSupported:       {"wildcard subscriptions not supported", inSuback | inDisconnect},
}

// checkReason refuses a code that the packet does not have:
// [MQTT-3.2.2-8] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
// [MQTT-3.9.3-2] [MQTT-3.11.3-2] [MQTT-3.14.2-1] [MQTT-3.15.2-1].
func checkReason(r Reason, t Type) error {
	if !r.In(t) {
		return forbidden("%s has no reason code 0x%02x", t, byte(r))
	}
	return nil
}

// returnCodes are the codes of a CONNACK in 3.1.1 (3.2.2.3) by their number.
var returnCodes = [...]Reason{
	Success, UnsupportedProtocolVersion, ClientIDNotValid, ServerUnavailable, BadUsernameOrPassword, NotAuthorized,
}

// ReturnCode returns the code that stands for r in a CONNACK of MQTT 3.1.1,
// which knows five failures.
func (r Reason) ReturnCode() byte {
	switch r {
	case Success:
		return 0
	case UnsupportedProtocolVersion:
		return 1
	case ClientIDNotValid:
		return 2
	case BadUsernameOrPassword:
		return 4
	case NotAuthorized, Banned, BadAuthenticationMethod:
		return 5
	}
	return 3
}
