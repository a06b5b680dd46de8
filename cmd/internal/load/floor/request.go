package floor

import (
	"bytes"
	"errors"
)

// maxRequest bounds a request, so that what is not HTTP does not pile up.
const maxRequest = 64 << 20

var errRequest = errors.New("not a request of the load generator")

var (
	headEnd    = []byte("\r\n\r\n")
	lengthName = []byte("Content-Length: ")
)

// cutRequest takes the first whole request off b; head is nil if it is not all
// there.
func cutRequest(b []byte) (head, body, rest []byte, err error) {
	n := bytes.Index(b, headEnd)
	if n < 0 {
		if len(b) > maxRequest {
			return nil, nil, nil, errRequest
		}
		return nil, nil, nil, nil
	}
	size := 0
	if i := bytes.Index(b[:n], lengthName); i >= 0 {
		for _, d := range b[i+len(lengthName) : n] {
			if d < '0' || d > '9' {
				break
			}
			if size = size*10 + int(d-'0'); size > maxRequest {
				return nil, nil, nil, errRequest
			}
		}
	}
	from := n + len(headEnd)
	if len(b)-from < size {
		return nil, nil, nil, nil
	}
	return b[:n:n], b[from : from+size], b[from+size:], nil
}
