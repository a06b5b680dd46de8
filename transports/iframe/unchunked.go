package iframe

import (
	"bytes"
	"strconv"

	"reddot/actors"
	"reddot/transports/streams"
)

// unchunked is the protocol of a client that speaks HTTP/1.0, as some proxies
// do: the shared frames are chunks, of which it must get the contents.
type unchunked struct{ protocol }

var _ streams.Translator = unchunked{}

// Translate implements streams.Translator.
func (unchunked) Translate(frames []byte) []byte {
	return appendUnchunked(make([]byte, 0, len(frames)), frames)
}

// AppendEnd implements streams.Protocol.
func (u unchunked) AppendEnd(b []byte, s *streams.Socket, why actors.End, sent bool) []byte {
	return appendUnchunked(b, u.protocol.AppendEnd(nil, s, why, sent))
}

// appendUnchunked appends the contents of chunks that appendChunk has made.
func appendUnchunked(b, chunks []byte) []byte {
	for {
		size, rest, ok := bytes.Cut(chunks, []byte("\r\n"))
		if !ok {
			return b
		}
		n, err := strconv.ParseUint(string(size), 16, 31)
		if err != nil || int(n)+2 > len(rest) {
			return b
		}
		b = append(b, rest[:n]...)
		chunks = rest[n+2:]
	}
}
