package packet

import (
	"fmt"
	"io"
	"log/slog"
)

// protocolName begins every CONNECT [MQTT-3.1.2-1].
const protocolName = "MQTT"

// Connect opens a session (MQTT 5, 3.1). Its methods do not look at the version
// that they are given: the packet has its own.
type Connect struct {
	Version    Version
	CleanStart bool   // Clean Session in 3.1.1
	KeepAlive  uint16 // seconds; 0 is none
	Properties Properties
	ClientID   []byte
	Will       *Will    // nil if there is none
	Username   []byte   // nil if there is none; it may be empty
	Password   Password // nil if there is none; it may be empty
}

// A Will is the message that the server publishes when the client is gone.
type Will struct {
	QoS        QoS
	Retain     bool
	Properties Properties
	Topic      []byte
	Payload    []byte
}

// Password is a client's secret. It has no way into a log or a message; who
// needs it converts it to bytes.
type Password []byte

// Format writes *** for every verb.
func (Password) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "***") }

// LogValue returns ***.
func (Password) LogValue() slog.Value { return slog.StringValue("***") }

// MarshalText returns ***.
func (Password) MarshalText() ([]byte, error) { return []byte("***"), nil }

const (
	flagReserved = 1 << iota
	flagClean
	flagWill
	flagWillQoS // and the bit above
	_
	flagWillRetain
	flagPassword
	flagUsername
)

// Type returns TypeConnect.
func (p *Connect) Type() Type { return TypeConnect }

// Decode reads a frame into p, and refers to it afterwards. An error says in
// which version it is to be answered.
func (p *Connect) Decode(frame []byte, _ Version) error {
	*p = Connect{Version: V311}
	r, err := open(frame, TypeConnect, 0)
	if err == nil {
		err = p.read(&r)
	}
	if err == nil {
		err = checkLength(frame, p.Version)
	}
	if err == nil {
		err = p.Check(p.Version)
	}
	return answerIn(err, p.Version)
}

func (p *Connect) read(r *reader) error {
	name := r.bytes("the protocol name")
	level := Version(r.byte("the protocol version"))
	if r.fail != nil {
		return r.fail
	}
	if level >= V5 {
		p.Version = V5
	}
	if string(name) != protocolName { // [MQTT-3.1.2-1]
		return refuse(UnsupportedProtocolVersion, "the protocol name is not MQTT")
	}
	if !level.known() { // [MQTT-3.1.2-2]
		return refuse(UnsupportedProtocolVersion, "%s is not supported", level)
	}
	flags := r.byte("the connect flags")
	p.CleanStart = flags&flagClean != 0
	p.KeepAlive = r.uint16("the keep alive")
	p.Properties = r.properties(p.Version)
	p.ClientID = r.bytes("the client identifier")
	if err := p.readWill(r, flags); err != nil {
		return err
	}
	if flags&flagUsername != 0 { // [MQTT-3.1.2-17]
		p.Username = r.bytes("the user name")
	}
	if flags&flagPassword != 0 { // [MQTT-3.1.2-19]
		p.Password = r.bytes("the password")
	}
	return r.close() // [MQTT-3.1.2-16] [MQTT-3.1.2-18]: and nothing else
}

// readWill reads the will, and refuses flags that a Connect can't hold.
func (p *Connect) readWill(r *reader, flags byte) error {
	if flags&flagReserved != 0 { // [MQTT-3.1.2-3]
		return malformed("the reserved connect flag is set")
	}
	if flags&flagWill == 0 {
		if flags&(3*flagWillQoS|flagWillRetain) != 0 { // [MQTT-3.1.2-11] [MQTT-3.1.2-13]; 3.1.1: [MQTT-3.1.2-15]
			return malformed("there is a will QoS or a will retain without a will")
		}
		return nil
	}
	p.Will = &Will{ // [MQTT-3.1.2-9]
		QoS:        QoS(flags / flagWillQoS & 3),
		Retain:     flags&flagWillRetain != 0,
		Properties: r.properties(p.Version),
		Topic:      r.bytes("the will topic"),
		Payload:    r.bytes("the will payload"),
	}
	return nil
}

// Check tells whether the standard allows the packet.
func (p *Connect) Check(Version) error {
	if !p.Version.known() { // [MQTT-3.1.2-2]
		return refuse(UnsupportedProtocolVersion, "%s is not supported", p.Version)
	}
	if err := p.Properties.checkIn(TypeConnect, p.Version); err != nil {
		return err
	}
	if err := checkText("the client identifier", p.ClientID); err != nil { // [MQTT-3.1.3-4]
		return err
	}
	if p.Will != nil {
		if err := p.Will.check(p.Version); err != nil {
			return err
		}
	}
	if err := checkText("the user name", p.Username); err != nil { // [MQTT-3.1.3-12]; 3.1.1: [MQTT-3.1.3-11]
		return err
	}
	if err := checkBytes("the password", p.Password); err != nil {
		return err
	}
	if p.Version == V311 {
		return p.check311()
	}
	if p.Properties.Has(AuthenticationData) && !p.Properties.Has(AuthenticationMethod) { // MQTT 5, 3.1.2.11.10
		return forbidden("there is Authentication Data without an Authentication Method")
	}
	return nil
}

// check311 holds what 3.1.1 alone forbids.
func (p *Connect) check311() error {
	if p.Password != nil && p.Username == nil { // 3.1.1: [MQTT-3.1.2-22]
		return malformed("there is a password without a user name")
	}
	if len(p.ClientID) == 0 && !p.CleanStart { // 3.1.1: [MQTT-3.1.3-7] [MQTT-3.1.3-8]
		return refuse(ClientIDNotValid, "an empty client identifier needs a clean session")
	}
	return nil
}

func (w *Will) check(v Version) error {
	if w.QoS > ExactlyOnce { // [MQTT-3.1.2-12]; 3.1.1: [MQTT-3.1.2-14]
		return malformed("the will has QoS %d", w.QoS)
	}
	if v == V5 {
		if err := w.Properties.check(inWill, "a will"); err != nil {
			return err
		}
	}
	if err := checkBytes("the will payload", w.Payload); err != nil {
		return err
	}
	return checkName(MalformedPacket, "the will topic", w.Topic) // [MQTT-3.1.3-11]; 3.1.1: [MQTT-3.1.3-10]
}

// Size returns how many bytes Append adds.
func (p *Connect) Size(Version) int { return whole(p.remaining()) }

func (p *Connect) remaining() int {
	n := 2 + len(protocolName) + 1 + 1 + 2 + p.Properties.size(p.Version) + bytesSize(p.ClientID)
	if w := p.Will; w != nil {
		n += w.Properties.size(p.Version) + bytesSize(w.Topic) + bytesSize(w.Payload)
	}
	if p.Username != nil {
		n += bytesSize(p.Username)
	}
	if p.Password != nil {
		n += bytesSize(p.Password)
	}
	return n
}

// Append appends the packet to b.
func (p *Connect) Append(b []byte, _ Version) []byte {
	b = appendHeader(b, TypeConnect, 0, p.remaining())
	b = append(b, 0, byte(len(protocolName)))
	b = append(b, protocolName...)
	b = append(b, byte(p.Version), p.flags(), byte(p.KeepAlive>>8), byte(p.KeepAlive))
	b = p.Properties.append(b, p.Version)
	b = appendBytes(b, p.ClientID) // [MQTT-3.1.3-1] orders this and what follows
	if w := p.Will; w != nil {
		b = w.Properties.append(b, p.Version)
		b = appendBytes(b, w.Topic)
		b = appendBytes(b, w.Payload)
	}
	if p.Username != nil {
		b = appendBytes(b, p.Username)
	}
	if p.Password != nil {
		b = appendBytes(b, p.Password)
	}
	return b
}

func (p *Connect) flags() byte {
	var f byte
	if p.CleanStart {
		f |= flagClean
	}
	if w := p.Will; w != nil {
		f |= flagWill | byte(w.QoS)*flagWillQoS
		if w.Retain {
			f |= flagWillRetain
		}
	}
	if p.Username != nil {
		f |= flagUsername
	}
	if p.Password != nil {
		f |= flagPassword
	}
	return f
}
