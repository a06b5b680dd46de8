package packet

import (
	"errors"
	"fmt"
)

// An Error tells why a frame or a packet is refused. After one, the connection
// is closed; in MQTT 5, after the reason was sent (MQTT 5, 4.13).
type Error struct {
	// Reason is the code to answer with, in CONNACK if the refused packet is a
	// CONNECT, and in DISCONNECT otherwise. See ReturnCode for 3.1.1.
	Reason Reason
	// Version is, for a refused CONNECT, the version to answer in: the one it
	// asks for, or the nearest that this package speaks. It is 0 otherwise.
	Version Version
	// Text is a plain sentence without a full stop, fit for a Reason String.
	// It quotes nothing that the sender sent.
	Text string
}

// Error returns the reason and the sentence.
func (e *Error) Error() string {
	return fmt.Sprintf("mqtt: %s (0x%02x %s)", e.Text, byte(e.Reason), e.Reason)
}

func refuse(r Reason, format string, args ...any) error {
	return &Error{Reason: r, Text: fmt.Sprintf(format, args...)}
}

// malformed is the refusal of what can't be parsed.
func malformed(format string, args ...any) error {
	return refuse(MalformedPacket, format, args...)
}

// forbidden is the refusal of what can be parsed and is not allowed.
func forbidden(format string, args ...any) error {
	return refuse(ProtocolError, format, args...)
}

// answerIn sets the version of a refused CONNECT.
func answerIn(err error, v Version) error {
	var e *Error
	if errors.As(err, &e) {
		e.Version = v
	}
	return err
}
