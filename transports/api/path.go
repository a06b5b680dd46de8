package api

import (
	"strconv"

	"reddot/actors"
)

// maxParams is how many of them name something.
const maxParams = 2

// A node is a place in the tree of all paths.
type node struct {
	static map[string]*node
	param  *node
	below  *node // all paths below that are not in static or param
	routes []*route
	allow  string // the value of the header Allow
}

// find returns the node of the call's path and notes the path's parameters;
// nil if there is none. It looks at the path as it came: fasthttp's own would
// have joined segments, and read an escaped slash as one.
//
// A segment that the tree knows by itself may be a name, too: where that leads to nothing
// with the call's method, it is taken for one. So users may be called as a route beside
// them is (/v1/users/import).
func (n *node) find(c *call) (*node, error) {
	path := c.URI().PathOriginal()
	if len(path) == 0 || path[0] != '/' {
		return nil, nil
	}
	c.path = c.path[:0]
	c.params = c.params[:0]
	if len(path) == 1 {
		return n.orNil(), nil
	}
	found, other, err := n.walk(c, path[1:])
	if err != nil || other.node == nil || found != nil && found.route(c.Method()) != nil {
		return found, err
	}
	c.params = append(c.params[:other.params], other.segment)
	named, _, err := other.node.walk(c, other.rest)
	if err != nil || named != nil && (found == nil || named.route(c.Method()) != nil) {
		return named, err
	}
	return found, nil
}

// A fork is where a path can be read in another way.
type fork struct {
	node    *node // of the segment as a name; nil: there is no fork
	segment []byte
	rest    []byte
	params  int // how many there are before it
}

// walk goes down the tree by the rest of a path. other is the last fork.
func (n *node) walk(c *call, path []byte) (found *node, other fork, err error) {
	for path != nil {
		seg, rest, more := cutSlash(path)
		seg, err := c.unescape(seg)
		if err != nil {
			return nil, other, err
		}
		if !more {
			rest = nil
		}
		next := n.static[string(seg)]
		switch {
		case next != nil && n.param != nil:
			other = fork{n.param, seg, rest, len(c.params)}
		case next == nil && n.param != nil && len(seg) > 0:
			next = n.param
			c.params = append(c.params, seg)
		}
		if next == nil {
			return n.below, other, nil
		}
		n, path = next, rest
	}
	return n.orNil(), other, nil
}

// orNil returns the node if it is a path's end.
func (n *node) orNil() *node {
	if len(n.routes) == 0 {
		return nil
	}
	return n
}

// route returns the route of the method; HEAD is GET without its body. It
// returns nil if there is none.
func (n *node) route(method []byte) *route {
	head := string(method) == "HEAD"
	for _, r := range n.routes {
		if r.method == string(method) || head && r.method == "GET" && !r.parks {
			return r
		}
	}
	return nil
}

// cutSlash cuts the path at its first slash.
func cutSlash(path []byte) (segment, rest []byte, more bool) {
	for i, c := range path {
		if c == '/' {
			return path[:i], path[i+1:], true
		}
	}
	return path, nil, false
}

// unescape decodes a segment (RFC 3986, section 2.1). What it returns points
// into the request or into c.path.
func (c *call) unescape(seg []byte) ([]byte, error) {
	escaped := false
	for _, b := range seg {
		escaped = escaped || b == '%'
	}
	if !escaped {
		return seg, nil
	}
	start := len(c.path)
	for i := 0; i < len(seg); i++ {
		b := seg[i]
		if b == '%' {
			n, err := strconv.ParseUint(string(seg[i+1:min(i+3, len(seg))]), 16, 8)
			if err != nil || len(seg)-i < 3 {
				return nil, &actors.Error{Code: actors.Invalid, Field: "path", Detail: "the path has a % without two hexadecimal digits after it"}
			}
			b = byte(n)
			i += 2
		}
		c.path = append(c.path, b)
	}
	return c.path[start:], nil
}
