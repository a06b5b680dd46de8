package frames

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"reddot/cmd/internal/load/event"
)

// Max bounds one event on a stream.
const Max = 1 << 20

var errFrame = errors.New("not a frame of this transport")

// A Sink takes what a stream carries. The bytes are valid during the call.
type Sink interface {
	Frame(data []byte) // an event's JSON
	Beat()             // a sign of life
	Ping(data []byte)  // a WebSocket ping, to be answered
}

// A Framer takes a stream apart, in pieces of any size.
type Framer interface {
	Feed(b []byte, to Sink) error
}

// Pieces is what framers share: it keeps the frame that was cut by the end of a
// read.
type Pieces struct{ cut []byte }

// Each calls one with what was kept and b, again and again: it takes the first
// whole frame and returns its length, or 0 if there is none.
func (f *Pieces) Each(b []byte, one func(b []byte) (int, error)) error {
	if len(f.cut) > 0 {
		f.cut = append(f.cut, b...)
		b = f.cut
	}
	for len(b) > 0 {
		n, err := one(b)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		b = b[n:]
	}
	if len(b) > Max {
		return fmt.Errorf("%w: longer than %d bytes", errFrame, Max)
	}
	if len(b) == 0 {
		f.cut = nil
		return nil
	}
	f.cut = append([]byte(nil), b...)
	return nil
}

// SSE reads a text/event-stream (WHATWG HTML, section 9.2).
type SSE struct{ Pieces }

// Feed implements Framer.
func (f *SSE) Feed(b []byte, to Sink) error {
	return f.Each(b, func(b []byte) (int, error) { return sseEvent(b, to) })
}

// sseEvent dispatches the first event of b, which ends with an empty line.
func sseEvent(b []byte, to Sink) (int, error) {
	var data []byte
	lines, comment := 0, false
	for at := 0; ; {
		line, n := sseLine(b[at:])
		if n == 0 {
			return 0, nil
		}
		at += n
		switch {
		case len(line) == 0:
			switch {
			case lines > 0:
				to.Frame(data)
			case comment:
				to.Beat()
			}
			return at, nil
		case line[0] == ':':
			comment = true
		case bytes.HasPrefix(line, []byte("data")) && (len(line) == 4 || line[4] == ':'):
			v := bytes.TrimPrefix(line[min(5, len(line)):], []byte(" "))
			if lines == 0 {
				data = v
			} else {
				data = append(append(append([]byte(nil), data...), '\n'), v...)
			}
			lines++
		}
	}
}

// sseLine returns the first line, ended by \n, \r\n or \r, and its length with
// the end; 0 if the end has not come.
func sseLine(b []byte) ([]byte, int) {
	n := bytes.IndexByte(b, '\n')
	part := b
	if n >= 0 {
		part = b[:n]
	}
	if r := bytes.IndexByte(part, '\r'); r >= 0 {
		switch {
		case r+1 == n:
			return b[:r], n + 1
		case r+1 < len(b):
			return b[:r], r + 1
		default:
			return nil, 0 // \n may follow
		}
	}
	if n < 0 {
		return nil, 0
	}
	return part, n + 1
}

// Iframe reads an endless HTML page with one <script> an event, which
// calls postMessage with the event as first argument: a literal, a string, or
// JSON.parse of a string.
type Iframe struct{ Pieces }

// Feed implements Framer.
func (f *Iframe) Feed(b []byte, to Sink) error {
	return f.Each(b, func(b []byte) (int, error) { return iframeEvent(b, to) })
}

var (
	scriptStart = []byte("<script")
	scriptEnd   = []byte("</script>")
	postMessage = []byte("postMessage(")
	jsonParse   = []byte("JSON.parse(")
)

func iframeEvent(b []byte, to Sink) (int, error) {
	start := bytes.Index(b, scriptStart)
	if start < 0 {
		keep := min(len(scriptStart)-1, len(b)) // a tag may be cut
		if n := len(b) - keep; n > 0 {
			to.Beat()
			return n, nil
		}
		return 0, nil
	}
	end := bytes.Index(b[start:], scriptEnd)
	if end < 0 {
		return 0, nil
	}
	end += start
	script := b[start:end]
	if i := bytes.Index(script, postMessage); i >= 0 {
		arg, err := event.FirstText(bytes.TrimPrefix(script[i+len(postMessage):], jsonParse))
		if err != nil {
			return 0, fmt.Errorf("%w: postMessage of no JSON: %w", errFrame, err)
		}
		to.Frame(arg)
	}
	return end + len(scriptEnd), nil
}

// WS reads the frames of a WebSocket server (RFC 6455 section 5).
type WS struct {
	Pieces
	message []byte // the fragments of a message so far
	open    bool
}

// A CloseError is the server's close frame.
type CloseError struct {
	Code   int
	reason string
}

// Error implements error.
func (e *CloseError) Error() string { return fmt.Sprintf("closed with %d %q", e.Code, e.reason) }

// Feed implements Framer.
func (f *WS) Feed(b []byte, to Sink) error {
	return f.Each(b, func(b []byte) (int, error) { return f.one(b, to) })
}

func (f *WS) one(b []byte, to Sink) (int, error) {
	if len(b) < 2 {
		return 0, nil
	}
	fin, op := b[0]&0x80 != 0, b[0]&0x0f
	if b[0]&0x70 != 0 || b[1]&0x80 != 0 {
		return 0, fmt.Errorf("%w: reserved bits, or masked by the server", errFrame)
	}
	at, size := 2, uint64(b[1])
	switch {
	case size == 126 && len(b) >= 4:
		at, size = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case size == 127 && len(b) >= 10:
		at, size = 10, binary.BigEndian.Uint64(b[2:])
	case size >= 126:
		return 0, nil
	}
	if size > Max {
		return 0, fmt.Errorf("%w: of %d bytes", errFrame, size)
	}
	end := at + int(size)
	if len(b) < end {
		return 0, nil
	}
	return end, f.take(op, fin, b[at:end], to)
}

// take handles a whole frame.
func (f *WS) take(op byte, fin bool, payload []byte, to Sink) error {
	if op >= 8 && (!fin || len(payload) > 125) {
		return fmt.Errorf("%w: a control frame in pieces", errFrame) // section 5.5
	}
	switch op {
	case 0, 1, 2:
		if (op == 0) != f.open {
			return fmt.Errorf("%w: fragments out of order", errFrame) // section 5.4
		}
		if fin && !f.open {
			to.Frame(payload)
			return nil
		}
		if len(f.message)+len(payload) > Max {
			return fmt.Errorf("%w: longer than %d bytes", errFrame, Max)
		}
		f.message = append(f.message, payload...)
		f.open = !fin
		if fin {
			to.Frame(f.message)
			f.message = nil
		}
	case 8:
		e := &CloseError{Code: 1005}
		if len(payload) >= 2 {
			e.Code, e.reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
		}
		return e
	case 9:
		to.Ping(payload)
	case 10:
		to.Beat()
	default:
		return fmt.Errorf("%w: opcode %d", errFrame, op)
	}
	return nil
}

// AppendClient appends a whole frame, masked as a client must, with the
// mask 0: there is no proxy to protect here (RFC 6455 section 10.3).
func AppendClient(b []byte, op byte, payload []byte) []byte {
	b = append(b, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}
