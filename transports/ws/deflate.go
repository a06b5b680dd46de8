package ws

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"

	"reddot/transports"
	"reddot/transports/websocket"
)

// Compression (RFC 7692) is without context takeover in both directions: each
// message stands for itself, so that one frame serves all connections, and a
// connection holds no dictionary.

// windowBits is the base-2 logarithm of how far back in a message its compressed
// form may refer. Events are small: a larger window would bring them little,
// and shut out clients which keep a small one.
const windowBits = 12

// minDeflated is the shortest text that is worth the work, in bytes.
const minDeflated = 128

// maxFinals is how many blocks of a message may be marked as its last, which
// restart the decompressor. Clients mark one or none.
const maxFinals = 8

// syncTail ends what a compressor has flushed, and is left out of a message
// (RFC 7692 section 7.2.1).
const syncTail = "\x00\x00\xFF\xFF"

// inflateTail is syncTail and an empty last block, behind which decompressing
// ends.
const inflateTail = syncTail + "\x01\x00\x00\xFF\xFF"

// A deflater compresses one text after another. It has about a megabyte; the
// pool keeps one or two for each processor, and none while nothing is packed.
type deflater struct {
	writer *flate.Writer
	out    bytes.Buffer
}

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriterWindow(io.Discard, 1<<windowBits)
	if err != nil {
		panic(err) // the size is a constant
	}
	return &deflater{writer: w}
}}

// deflate returns the text's compressed form, without syncTail. It is good
// until the next call.
func (d *deflater) deflate(text []byte) ([]byte, error) {
	d.out.Reset()
	d.writer.Reset(&d.out)
	if _, err := d.writer.Write(text); err != nil {
		return nil, err
	}
	if err := d.writer.Flush(); err != nil {
		return nil, err
	}
	packed, ok := bytes.CutSuffix(d.out.Bytes(), []byte(syncTail))
	if !ok {
		return nil, errors.New("a flushed block has no end")
	}
	return packed, nil
}

// appendDeflated appends a text frame, compressed where that makes it smaller.
func appendDeflated(b, text []byte) []byte {
	if len(text) < minDeflated {
		return websocket.AppendFrame(b, websocket.OpText, text)
	}
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	packed, err := d.deflate(text)
	if err != nil || len(packed) >= len(text) {
		return websocket.AppendFrame(b, websocket.OpText, text)
	}
	return websocket.AppendFrame(b, websocket.DeflateBit|websocket.OpText, packed)
}

// inflate unpacks a message for a websocket.Parser.
func inflate(payload []byte, limit int, take func(text []byte) (*transports.Close, bool)) (*transports.Close, bool) {
	z := inflaters.Get().(*inflater)
	defer inflaters.Put(z)
	text, bad := z.inflate(payload, limit)
	if bad != nil {
		return bad, false
	}
	return take(text)
}

// An inflater decompresses one message after another.
type inflater struct {
	in     []byte
	source bytes.Reader
	reader io.ReadCloser
	out    []byte
}

var inflaters = sync.Pool{New: func() any {
	z := &inflater{}
	z.reader = flate.NewReader(&z.source)
	return z
}}

// inflate returns the message, which is good until the next call, or how the
// connection is to be closed: no more than limit bytes are unpacked.
func (z *inflater) inflate(payload []byte, limit int) ([]byte, *transports.Close) {
	z.out = z.out[:0]
	if len(payload) == 0 {
		return z.out, nil
	}
	z.in = append(append(z.in[:0], payload...), inflateTail...)
	z.source.Reset(z.in)
	for finals := 0; finals <= maxFinals; finals++ {
		// What is behind a block that is marked as the last may refer to what
		// is before it (section 7.2.3.4).
		if err := z.reader.(flate.Resetter).Reset(&z.source, z.out); err != nil {
			return nil, websocket.Broken("bad compressed data")
		}
		switch err := z.readBlocks(limit); {
		case len(z.out) > limit:
			c := transports.CloseTooLarge
			return nil, &c
		case err != nil:
			return nil, websocket.Broken("bad compressed data")
		case z.source.Len() == 0:
			return z.out, nil
		}
	}
	return nil, websocket.Broken("too many last blocks of compressed data")
}

// readBlocks appends to out what is compressed up to a block that is marked as
// the last, but hardly more than limit bytes.
func (z *inflater) readBlocks(limit int) error {
	for len(z.out) <= limit {
		if len(z.out) == cap(z.out) {
			grown := make([]byte, len(z.out), min(max(4<<10, 2*cap(z.out)), limit+1))
			copy(grown, z.out)
			z.out = grown
		}
		n, err := z.reader.Read(z.out[len(z.out):cap(z.out)])
		z.out = z.out[:len(z.out)+n]
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}
