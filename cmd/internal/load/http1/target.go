package http1

import (
	"fmt"
	"net/url"
)

// A Target is where an HTTP server is.
type Target struct {
	Addr string // host:port to dial
	Host string // the Host field
	Path string // before /v1, without a slash at the end
	TLS  bool
}

// ParseTarget takes the URL of a server apart.
func ParseTarget(raw string) (Target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Target{}, err
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return Target{}, fmt.Errorf("%q is no http or https URL", raw)
	}
	t := Target{Host: u.Host, Addr: u.Host, TLS: u.Scheme == "https"}
	if u.Port() == "" {
		t.Addr += map[bool]string{false: ":80", true: ":443"}[t.TLS]
	}
	if p := u.EscapedPath(); p != "/" {
		t.Path = p
	}
	return t, nil
}
