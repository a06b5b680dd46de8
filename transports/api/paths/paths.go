package paths

import (
	"fmt"
	"slices"
	"strings"

	"reddot/actors"
)

// An Operation is a method on a path.
type Operation[R any] struct {
	Method string
	Path   string // as openapi.yaml writes it; behind /* there may be anything
	NoHead bool   // HEAD makes no sense, although it is a GET
	Route  R
}

// MaxParams is how many segments of a path name something.
const MaxParams = 2

// A Node is a place in the tree of all paths.
type Node[R any] struct {
	Allow string // the value of the header Allow

	static map[string]*Node[R]
	param  *Node[R]
	below  *Node[R] // all paths below that are not in static or param
	ops    []Operation[R]
}

// New makes a tree of operations. It refuses one that stands twice.
func New[R any](table []Operation[R]) (*Node[R], error) {
	root := &Node[R]{}
	for _, o := range table {
		n := root
		segments := strings.Split(o.Path[1:], "/")
		if o.Path == "/" {
			segments = nil
		}
		for _, seg := range segments {
			n = n.child(seg)
		}
		for _, other := range n.ops {
			if other.Method == o.Method && other.Path == o.Path {
				return nil, fmt.Errorf("%s %s stands twice in the table", o.Method, o.Path)
			}
		}
		n.ops = append(n.ops, o)
	}
	root.fill(nil)
	return root, nil
}

// child returns the node for a segment of a template, and makes it if there is none.
func (n *Node[R]) child(seg string) *Node[R] {
	at := &n.below
	switch {
	case seg == "*":
	case seg[0] == '{':
		at = &n.param
	default:
		if n.static == nil {
			n.static = map[string]*Node[R]{}
		}
		if n.static[seg] == nil {
			n.static[seg] = &Node[R]{}
		}
		return n.static[seg]
	}
	if *at == nil {
		*at = &Node[R]{}
	}
	return *at
}

// fill writes the values of Allow. twin is what the node's path is as well, where a
// segment of it is taken for a name; nil: nothing.
func (n *Node[R]) fill(twin *Node[R]) {
	var methods []string
	for _, at := range []*Node[R]{n, twin} {
		if at == nil || n.ops == nil {
			continue
		}
		for _, o := range at.ops {
			methods = append(methods, o.Method)
			if o.Method == "GET" && !o.NoHead {
				methods = append(methods, "HEAD")
			}
		}
	}
	if methods != nil {
		methods = append(methods, "OPTIONS")
		slices.Sort(methods)
		n.Allow = strings.Join(slices.Compact(methods), ", ")
	}
	for name, child := range n.static {
		named := n.param
		if twin != nil && named == nil {
			if named = twin.static[name]; named == nil {
				named = twin.param
			}
		}
		child.fill(named)
	}
	for _, child := range []*Node[R]{n.param, n.below} {
		if child != nil {
			child.fill(nil)
		}
	}
}

// Route returns the route of the method; HEAD is GET without its body. It returns false if
// there is none.
func (n *Node[R]) Route(method []byte) (r R, ok bool) {
	head := string(method) == "HEAD"
	for i := range n.ops {
		if o := &n.ops[i]; o.Method == string(method) || head && o.Method == "GET" && !o.NoHead {
			return o.Route, true
		}
	}
	return r, false
}

func (n *Node[R]) has(method []byte) bool {
	_, ok := n.Route(method)
	return ok
}

// orNil returns the node if it is a path's end.
func (n *Node[R]) orNil() *Node[R] {
	if len(n.ops) == 0 {
		return nil
	}
	return n
}

// errEscape refuses a path that can't be decoded.
var errEscape = &actors.Error{Code: actors.Invalid, Field: "path", Detail: "the path has a % without two hexadecimal digits after it"}
