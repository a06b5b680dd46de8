package iframe

import (
	"bytes"
	"strconv"

	"reddot/actors"
)

// unchunked is the sink of a client that speaks HTTP/1.0, as some proxies do:
// the shared frames are chunks, of which it must get the contents.
type unchunked struct{ actors.Sink }

// Send implements actors.Sink.
func (u unchunked) Send(frames []byte) (pending int, err error) {
	return u.Sink.Send(appendUnchunked(make([]byte, 0, len(frames)), frames))
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
