package transports

import (
	"encoding/binary"
	"unicode/utf8"

	"reddot/actors"
)

// maxReason is the room for a reason in a close frame: a control frame's 125
// bytes less the code's two (RFC 6455 section 5.5).
const maxReason = 123

// A Close says why a WebSocket ends (RFC 6455 section 7.4). The codes from
// 4000 are ours: 4000 to 4099 ask the client to come back, 4100 to 4199 not to.
type Close struct {
	Code   uint16
	Reason string // for people; cut to 123 bytes
}

// The closes that the server begins. MQTT and SSE tell the same by their own
// means.
var (
	CloseNormal       = Close{1000, "bye"}
	CloseProtocol     = Close{1002, "protocol error"}
	CloseUnsupported  = Close{1003, "text frames only"}
	CloseBadText      = Close{1007, "not valid UTF-8 or JSON"}
	CloseTooLarge     = Close{1009, "message too large"}
	CloseInternal     = Close{1011, "internal error"}
	CloseDrain        = Close{1012, "the server drains"}
	CloseUnauthorized = Close{4001, "the token is bad or has expired"}
	CloseTooSlow      = Close{4008, "too slow: more is pending than may be"}
	CloseTooMany      = Close{4029, "too many"}
	CloseForbidden    = Close{4103, "forbidden"}
	CloseReplaced     = Close{4109, "replaced by another connection"}
)

// closeOfEnd maps every reason for which the core ends a connection.
var closeOfEnd = map[actors.End]Close{
	actors.EndGone:         CloseNormal,
	actors.EndDrain:        CloseDrain,
	actors.EndSlow:         CloseTooSlow,
	actors.EndTooMany:      CloseTooMany,
	actors.EndForbidden:    CloseForbidden,
	actors.EndToken:        CloseUnauthorized,
	actors.EndReplaced:     CloseReplaced,
	actors.EndDisconnected: {CloseForbidden.Code, "disconnected by the operator"},
	actors.EndFailed:       CloseInternal,
	actors.EndProtocol:     CloseProtocol,
}

// CloseOfEnd returns the close that tells why the core ends the connection.
func CloseOfEnd(why actors.End) Close {
	if c, ok := closeOfEnd[why]; ok {
		return c
	}
	return CloseInternal
}

// AppendPayload appends the body of the close frame: the code, then the reason
// cut at a rune's border.
func (c Close) AppendPayload(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, c.Code)
	reason := c.Reason
	if len(reason) > maxReason {
		end := maxReason
		for end > 0 && !utf8.RuneStart(reason[end]) {
			end--
		}
		reason = reason[:end]
	}
	return append(dst, reason...)
}
