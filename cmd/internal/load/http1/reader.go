package http1

import (
	"bytes"
	"errors"
	"strconv"
)

// maxHead bounds a response's head, and a line within a chunked body.
const maxHead = 32 << 10

var errHTTP = errors.New("not HTTP")

// A Part is what Reader.Next found.
type Part uint8

// The parts of a response.
const (
	More Part = iota // more bytes are needed
	Head             // a head; status and the like are set
	Body             // a piece of the body
	End              // the response is complete
)

type httpState uint8

const (
	readHead httpState = iota
	readLength
	readChunkSize
	readChunk
	readChunkEnd
	readTrailer
	readToClose
	readEnd
)

// A Reader takes apart what a server sends on one connection, in pieces of
// any size (RFC 9112). Its zero value awaits the first head.
type Reader struct {
	cut     []byte // the beginning of a head or line whose end has not come
	left    int64  // bytes left of the body or the chunk
	state   httpState
	closing bool // the server closes after this response
	Status  int
}

// Next takes the first part off b. The data is valid as long as b is.
func (r *Reader) Next(b []byte) (p Part, data, rest []byte, err error) {
	for {
		switch r.state {
		case readEnd:
			r.state = readHead
			return End, nil, b, nil
		case readToClose:
			if len(b) == 0 {
				return More, nil, nil, nil
			}
			return Body, b, nil, nil
		case readLength, readChunk:
			if len(b) == 0 {
				return More, nil, nil, nil
			}
			n := min(r.left, int64(len(b)))
			r.left -= n
			if r.left == 0 && r.state == readChunk {
				r.state = readChunkEnd
			} else if r.left == 0 {
				r.state = readEnd
			}
			return Body, b[:n], b[n:], nil
		}
		line, rest, ok, err := r.line(b)
		if err != nil || !ok {
			return More, nil, nil, err
		}
		b = rest
		if r.state == readHead {
			head := line
			if err := r.head(head); err != nil {
				return More, nil, nil, err
			}
			if r.Status >= 100 && r.Status < 200 && r.Status != 101 {
				continue // interim, the final one follows
			}
			r.body(head)
			return Head, head, b, nil
		}
		if err := r.chunkLine(line); err != nil {
			return More, nil, nil, err
		}
	}
}

// line takes a line, or a whole head in the state readHead, off b.
func (r *Reader) line(b []byte) (line, rest []byte, ok bool, err error) {
	sep := "\r\n"
	if r.state == readHead {
		sep = "\r\n\r\n"
	}
	if len(r.cut) == 0 {
		if i := bytes.Index(b, []byte(sep)); i >= 0 {
			return b[:i+2], b[i+len(sep):], true, nil
		}
		if len(b) > maxHead {
			return nil, nil, false, errHTTP
		}
		if len(b) > 0 {
			r.cut = append(r.cut, b...)
		}
		return nil, nil, false, nil
	}
	had := len(r.cut)
	r.cut = append(r.cut, b[:min(len(b), maxHead)]...)
	from := max(0, had-len(sep)+1)
	i := bytes.Index(r.cut[from:], []byte(sep))
	if i < 0 {
		if len(r.cut) > maxHead {
			return nil, nil, false, errHTTP
		}
		return nil, nil, false, nil
	}
	i += from
	line, rest = r.cut[:i+2], b[i+len(sep)-had:]
	r.cut = nil
	return line, rest, true, nil
}

// head reads the status line.
func (r *Reader) head(h []byte) error {
	if len(h) < 12 || string(h[:7]) != "HTTP/1." || h[8] != ' ' {
		return errHTTP
	}
	n, err := strconv.Atoi(string(h[9:12]))
	if err != nil || n < 100 {
		return errHTTP
	}
	r.Status = n
	r.closing = h[7] == '0'
	return nil
}

// body decides how the body ends (RFC 9112 section 6.3).
func (r *Reader) body(h []byte) {
	r.state, r.left = readToClose, 0
	if r.Status == 101 {
		return
	}
	length, chunked := int64(-1), false
	for len(h) > 0 {
		i := bytes.IndexByte(h, '\n')
		if i < 0 {
			break
		}
		line := h[:i]
		h = h[i+1:]
		switch {
		case field(line, "content-length"):
			n, err := strconv.ParseInt(string(value(line)), 10, 62)
			if err == nil && n >= 0 {
				length = n
			}
		case field(line, "transfer-encoding"):
			chunked = bytes.EqualFold(value(line), []byte("chunked"))
		case field(line, "connection"):
			r.closing = r.closing || bytes.EqualFold(value(line), []byte("close"))
		}
	}
	switch {
	case r.Status == 204 || r.Status == 304:
		r.state = readEnd
	case chunked:
		r.state = readChunkSize
	case length == 0:
		r.state = readEnd
	case length > 0:
		r.state, r.left = readLength, length
	default:
		r.closing = true
	}
}

// chunkLine reads the line before, after or behind the chunks.
func (r *Reader) chunkLine(line []byte) error {
	line = line[:len(line)-2]
	switch r.state {
	case readChunkSize:
		if i := bytes.IndexByte(line, ';'); i >= 0 {
			line = line[:i]
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 62)
		if err != nil || n < 0 {
			return errHTTP
		}
		r.left = n
		r.state = readChunk
		if n == 0 {
			r.state = readTrailer
		}
	case readChunkEnd:
		if len(line) > 0 {
			return errHTTP
		}
		r.state = readChunkSize
	case readTrailer:
		if len(line) == 0 {
			r.state = readEnd
		}
	}
	return nil
}

// field tells whether a line of a head has the name, given in lower case.
func field(line []byte, name string) bool {
	if len(line) <= len(name) || line[len(name)] != ':' {
		return false
	}
	for i := range len(name) {
		c := line[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

func value(line []byte) []byte {
	return bytes.TrimSpace(line[bytes.IndexByte(line, ':')+1:])
}
