package paths

import (
	"bytes"
	"strconv"
)

// Params are the parameters of a path, decoded, in order. They point into the path and into
// memory that the next Find uses again.
type Params struct {
	List [][]byte
	buf  []byte // what holds those that were escaped
}

// Find returns the node of a path, and notes the path's parameters; nil if there is none. The
// path is to be as it came: a slash that is escaped belongs to its segment.
//
// A segment that the tree knows by itself may be a name, too: where that leads to nothing
// with the method, it is taken for one. So users may be called as a route beside
// them is (/v1/users/import).
func (n *Node[R]) Find(path, method []byte, p *Params) (*Node[R], error) {
	if len(path) == 0 || path[0] != '/' {
		return nil, nil
	}
	p.List, p.buf = p.List[:0], p.buf[:0]
	if len(path) == 1 {
		return n.orNil(), nil
	}
	found, other, err := n.walk(p, path[1:])
	if err != nil || other.node == nil || found != nil && found.has(method) {
		return found, err
	}
	p.List = append(p.List[:other.params], other.segment)
	named, _, err := other.node.walk(p, other.rest)
	if err != nil || named != nil && (found == nil || named.has(method)) {
		return named, err
	}
	return found, nil
}

// A fork is where a path can be read in another way.
type fork[R any] struct {
	node    *Node[R] // of the segment as a name; nil: there is no fork
	segment []byte
	rest    []byte
	params  int // how many there are before it
}

// walk goes down the tree by the rest of a path. other is the last fork.
func (n *Node[R]) walk(p *Params, path []byte) (found *Node[R], other fork[R], err error) {
	for path != nil {
		seg, rest, more := bytes.Cut(path, []byte("/"))
		seg, err := p.unescape(seg)
		if err != nil {
			return nil, other, err
		}
		if !more {
			rest = nil
		}
		next := n.static[string(seg)]
		switch {
		case next != nil && n.param != nil:
			other = fork[R]{n.param, seg, rest, len(p.List)}
		case next == nil && n.param != nil && len(seg) > 0:
			next = n.param
			p.List = append(p.List, seg)
		}
		if next == nil {
			return n.below, other, nil
		}
		n, path = next, rest
	}
	return n.orNil(), other, nil
}

// Behind returns what follows so many segments of a path, decoded, slashes included.
func (p *Params) Behind(path []byte, segments int) ([]byte, error) {
	for range segments + 1 {
		_, path, _ = bytes.Cut(path, []byte("/"))
	}
	return p.unescape(path)
}

// unescape decodes a segment (RFC 3986, section 2.1). What it returns points
// into the path or into p.
func (p *Params) unescape(seg []byte) ([]byte, error) {
	if bytes.IndexByte(seg, '%') < 0 {
		return seg, nil
	}
	start := len(p.buf)
	for i := 0; i < len(seg); i++ {
		b := seg[i]
		if b == '%' {
			n, err := strconv.ParseUint(string(seg[i+1:min(i+3, len(seg))]), 16, 8)
			if err != nil || len(seg)-i < 3 {
				return nil, errEscape
			}
			b = byte(n)
			i += 2
		}
		p.buf = append(p.buf, b)
	}
	return p.buf[start:], nil
}
