package transports

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Origins are the web origins (RFC 6454) whose pages a browser's user trusts
// with his cookie. The zero Origins allow none.
type Origins struct {
	exact    map[string]struct{}
	suffixes []originSuffix
	loopback bool // and whatever page this machine serves
}

// originSuffix is scheme://*.rest.
type originSuffix struct{ scheme, rest string }

// ParseOrigins reads a list of https://host, https://host:port and
// https://*.host. An asterisk alone is refused: with cookies it would let
// every page on the web act as the user.
func ParseOrigins(list []string) (Origins, error) {
	o := Origins{exact: map[string]struct{}{}}
	for _, text := range list {
		u, err := url.Parse(strings.ToLower(text))
		if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || strings.ToLower(text) != u.Scheme+"://"+u.Host {
			return Origins{}, fmt.Errorf("origin %q: write scheme://host or scheme://host:port, and nothing after it", text)
		}
		rest, wild := strings.CutPrefix(u.Host, "*")
		switch {
		case strings.Contains(rest, "*") || wild && (len(rest) < 2 || rest[0] != '.'):
			return Origins{}, fmt.Errorf("origin %q: an asterisk stands only for the first labels, as in https://*.example.com", text)
		case wild:
			o.suffixes = append(o.suffixes, originSuffix{u.Scheme + "://", rest})
		default:
			o.exact[u.Scheme+"://"+u.Host] = struct{}{}
		}
	}
	return o, nil
}

// Allows tells whether the value of an Origin header is one of them. Browsers
// write it in lower case.
func (o Origins) Allows(origin []byte) bool {
	if _, ok := o.exact[string(origin)]; ok {
		return true
	}
	for _, s := range o.suffixes {
		host, ok := strings.CutPrefix(string(origin), s.scheme)
		if ok && len(host) > len(s.rest) && strings.HasSuffix(host, s.rest) && hostLabels(host[:len(host)-len(s.rest)]) {
			return true
		}
	}
	return o.loopback && isLoopback(string(origin))
}

// hostLabels tells whether the text is made of labels of a host name.
func hostLabels(s string) bool {
	for i := range len(s) {
		if !NameByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// WithLoopback returns the origins and, beside them, those of all pages that this
// machine serves, at whichever port: what development mode trusts.
func (o Origins) WithLoopback() Origins {
	o.loopback = true
	return o
}

// Serves tells whether a Host header names a place from which pages of the
// origins could come. A page of somebody else's name that was made to point here
// (DNS rebinding) has that name in its Host.
func (o Origins) Serves(host []byte) bool {
	return o.Allows(append([]byte("http://"), host...)) || o.Allows(append([]byte("https://"), host...))
}

// isLoopback tells whether the origin is of a page that this machine serves.
func isLoopback(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.IsLoopback()
}
