package ws

import (
	"bytes"
	"fmt"

	"reddot/transports/websocket"
)

// heard records what a parser finds.
type heard []string

func (h *heard) Message(b []byte) bool {
	*h = append(*h, "text "+string(b))
	return true
}

func (h *heard) Control(op byte, b []byte) bool {
	*h = append(*h, fmt.Sprintf("%x %s", op, b))
	return op != websocket.OpClose
}

// masked returns a client's frame.
func masked(first byte, payload []byte) []byte {
	b := websocket.AppendHead(nil, 0, len(payload))
	b[0] = first
	b[1] |= 0x80
	mask := []byte{0xA1, 0xB2, 0xC3, 0xD4}
	b = append(b, mask...)
	for i, c := range payload {
		b = append(b, c^mask[i&3])
	}
	return b
}

// runWith feeds the stream in pieces of the given size.
func runWith(p websocket.Parser, stream []byte, size int) (h heard, code uint16, stopped bool) {
	for len(stream) > 0 {
		n := min(size, len(stream))
		bad, stopped := p.Feed(bytes.Clone(stream[:n]), &h)
		if bad != nil || stopped {
			if bad != nil {
				code = bad.Code
			}
			return h, code, stopped
		}
		stream = stream[n:]
	}
	return h, 0, false
}
