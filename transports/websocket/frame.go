package websocket

import (
	"encoding/binary"

	"reddot/transports"
)

// The opcodes (RFC 6455 section 5.2).
const (
	OpContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	OpClose        = 0x8
	OpPing         = 0x9
	OpPong         = 0xA
)

// FinBit is set in a message's last frame.
const FinBit = 0x80

// DeflateBit is RSV1, which in a message's first frame says that the message is
// compressed (RFC 7692 section 7).
const DeflateBit = 0x40

// maxControl is the longest payload of a control frame (section 5.5).
const maxControl = 125

// AppendFrame appends an unfragmented frame from a server, which is not masked
// (section 5.1).
func AppendFrame(b []byte, opcode byte, payload []byte) []byte {
	return append(AppendHead(b, opcode, len(payload)), payload...)
}

// AppendHead appends what precedes a payload of n bytes.
func AppendHead(b []byte, opcode byte, n int) []byte {
	b = append(b, FinBit|opcode)
	switch {
	case n <= maxControl:
		return append(b, byte(n))
	case n <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
}

// AppendClose appends a close frame.
func AppendClose(b []byte, c transports.Close) []byte {
	return AppendFrame(b, OpClose, c.AppendPayload(nil))
}
