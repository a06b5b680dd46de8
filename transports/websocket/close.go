package websocket

import (
	"encoding/binary"
	"unicode/utf8"

	"reddot/transports"
)

// AnswerClose returns the answer to a client's close frame, which has the same
// code (RFC 6455 section 5.5.1), or how the connection is closed because the frame
// is broken.
func AnswerClose(payload []byte) (answer transports.Close, bad *transports.Close) {
	switch {
	case len(payload) == 0:
		return transports.CloseNormal, nil
	case len(payload) == 1 || !mayBeSent(binary.BigEndian.Uint16(payload)):
		return answer, Broken("no such close code")
	case !utf8.Valid(payload[2:]):
		return answer, badText()
	}
	return transports.Close{Code: binary.BigEndian.Uint16(payload)}, nil
}

// mayBeSent tells whether a close frame may carry the code (section 7.4).
func mayBeSent(code uint16) bool {
	switch {
	case code >= 3000 && code < 5000:
		return true
	case code == 1004 || code == 1005 || code == 1006:
		return false
	default:
		return code >= 1000 && code <= 1014
	}
}
