package load

import "strconv"

// A stamp makes a message unique. It stands at the beginning of the body:
// "rb<run>.<user+1>.<n>.<sent>." where user is -1 for a broadcast and sent is
// in nanoseconds since the run began.
type stamp struct {
	user int
	n    uint64
	sent int64
}

// appendBody appends a stamped body of the given size.
func appendBody(b []byte, run string, s stamp, size int) []byte {
	from := len(b)
	b = append(b, 'r', 'b')
	b = append(b, run...)
	b = append(b, '.')
	b = strconv.AppendInt(b, int64(s.user)+1, 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, s.n, 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, s.sent, 10)
	b = append(b, '.')
	for n := size - (len(b) - from); n > 0; {
		k := min(n, len(padding))
		b = append(b, padding[:k]...)
		n -= k
	}
	return b
}

const padding = "................................................................................................................................"

// parseStamp reads a body's stamp; ok is false for a message of another run.
func parseStamp(body []byte, run string) (s stamp, ok bool) {
	if len(body) < 2+len(run)+1 || body[0] != 'r' || body[1] != 'b' || string(body[2:2+len(run)]) != run {
		return s, false
	}
	b := body[2+len(run)+1:]
	user, b, ok := digits(b)
	if !ok {
		return s, false
	}
	n, b, ok := digits(b)
	if !ok {
		return s, false
	}
	sent, _, ok := digits(b)
	return stamp{user: int(user) - 1, n: uint64(n), sent: sent}, ok
}

// digits reads a number that ends with a point.
func digits(b []byte) (n int64, rest []byte, ok bool) {
	for i, c := range b {
		if c == '.' {
			return n, b[i+1:], i > 0
		}
		if c < '0' || c > '9' || i > 17 {
			return 0, nil, false
		}
		n = n*10 + int64(c-'0')
	}
	return 0, nil, false
}
