package ws

import (
	"bytes"
	"strconv"

	"reddot/actors"
)

// deflateName is the extension of RFC 7692.
const deflateName = "permessage-deflate"

// An extension is one that a client offers, with its parameters in their order
// (RFC 6455 section 9.1).
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	hasValue    bool
}

// errExtensions is what a client is told whose offers cannot be read.
var errExtensions = actors.Errorf(actors.Invalid, "the field Sec-WebSocket-Extensions is malformed (RFC 6455 section 9.1)")

// agreeOnDeflate returns the answer to the first of the offers that can be
// taken up; "": none can. More than is offered is only asked for where a client
// must allow it (RFC 7692 section 7.1).
func agreeOnDeflate(offers []extension) (answer string) {
	for _, o := range offers {
		if o.name != deflateName {
			continue
		}
		if answer, ok := o.accept(); ok {
			return answer
		}
	}
	return ""
}

// accept returns the answer to an offer of permessage-deflate, or false if it is
// invalid or asks for what we do not do.
func (e *extension) accept() (answer string, ok bool) {
	answer = deflateName + "; server_no_context_takeover; client_no_context_takeover"
	seen := map[string]bool{}
	for _, p := range e.params {
		if seen[p.name] {
			return "", false
		}
		seen[p.name] = true
		bits, isBits := windowBitsOf(p.value)
		switch p.name {
		case "server_no_context_takeover", "client_no_context_takeover":
			ok = !p.hasValue
		case "server_max_window_bits":
			ok = isBits && bits >= windowBits
			answer += "; server_max_window_bits=" + strconv.Itoa(windowBits)
		case "client_max_window_bits":
			ok = isBits || !p.hasValue // we keep the largest window anyway
		default:
			ok = false
		}
		if !ok {
			return "", false
		}
	}
	return answer, true
}

// windowBitsOf reads the value of a window parameter: 8 to 15, without zeros
// before it (section 7.1.2).
func windowBitsOf(value string) (bits int, ok bool) {
	n, err := strconv.Atoi(value)
	return n, err == nil && 8 <= n && n <= 15 && strconv.Itoa(n) == value
}

// parseExtensions reads the fields of that name. The fields of a request are one
// list (RFC 6455 section 11.3.2).
func parseExtensions(fields [][]byte) ([]extension, error) {
	var list []extension
	for _, f := range fields {
		t := tokens(f)
		for {
			for t.take(',') { // empty elements mean nothing (RFC 9110 section 5.6.1)
			}
			if len(t) == 0 {
				break
			}
			e, ok := t.extension()
			if !ok || len(t) > 0 && !t.take(',') {
				return nil, errExtensions
			}
			list = append(list, e)
		}
	}
	return list, nil
}

// tokens is what is left of a field.
type tokens []byte

func (t *tokens) extension() (e extension, ok bool) {
	if e.name, ok = t.token(); !ok {
		return e, false
	}
	for t.take(';') {
		p, ok := t.param()
		if !ok {
			return e, false
		}
		e.params = append(e.params, p)
	}
	return e, true
}

func (t *tokens) param() (p param, ok bool) {
	if p.name, ok = t.token(); !ok {
		return p, false
	}
	if !t.take('=') {
		return p, true
	}
	p.hasValue = true
	if len(*t) > 0 && (*t)[0] == '"' {
		p.value, ok = t.quoted()
	} else {
		p.value, ok = t.token()
	}
	return p, ok
}

// skip drops white space.
func (t *tokens) skip() { *t = bytes.TrimLeft(*t, " \t") }

// take takes the character, if it is next, and white space around it.
func (t *tokens) take(c byte) bool {
	t.skip()
	if len(*t) == 0 || (*t)[0] != c {
		return false
	}
	*t = (*t)[1:]
	t.skip()
	return true
}

// token takes a token (RFC 9110 section 5.6.2).
func (t *tokens) token() (string, bool) {
	n := 0
	for n < len(*t) && isTokenChar((*t)[n]) {
		n++
	}
	s := string((*t)[:n])
	*t = (*t)[n:]
	return s, n > 0
}

// quoted takes a string in quotes, whose contents must be a token.
func (t *tokens) quoted() (string, bool) {
	var s []byte
	for i := 1; i < len(*t); i++ {
		switch c := (*t)[i]; {
		case c == '"':
			*t = (*t)[i+1:]
			return string(s), len(s) > 0
		case c == '\\' && i+1 < len(*t) && isTokenChar((*t)[i+1]):
			i++
			s = append(s, (*t)[i])
		case isTokenChar(c):
			s = append(s, c)
		default:
			return "", false
		}
	}
	return "", false
}

func isTokenChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0
}
