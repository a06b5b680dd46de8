package ws

import (
	"encoding/binary"

	"reddot/transports"
)

// The opcodes (RFC 6455 section 5.2).
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

const finBit = 0x80

// deflateBit is RSV1, which in a message's first frame says that the message is
// compressed (RFC 7692 section 7).
const deflateBit = 0x40

// maxControl is the longest payload of a control frame (section 5.5).
const maxControl = 125

// appendFrame appends an unfragmented frame from a server, which is not masked
// (section 5.1).
func appendFrame(b []byte, opcode byte, payload []byte) []byte {
	return append(appendHead(b, opcode, len(payload)), payload...)
}

// appendText appends a text frame.
func appendText(b, text []byte) []byte { return appendFrame(b, opText, text) }

// appendHead appends what precedes a payload of n bytes.
func appendHead(b []byte, opcode byte, n int) []byte {
	b = append(b, finBit|opcode)
	switch {
	case n <= maxControl:
		return append(b, byte(n))
	case n <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n)) // #nosec G115 -- just compared
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(n)) // #nosec G115 -- a length
	}
}

// appendClose appends a close frame.
func appendClose(b []byte, c transports.Close) []byte {
	return appendFrame(b, opClose, c.AppendPayload(nil))
}
