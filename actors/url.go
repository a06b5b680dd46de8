package actors

import (
	"net/url"
	"strings"
)

// URLFault returns what is wrong with the URL that a message leads to; empty: nothing is.
// It may be http:, https:, or a path on the reader's own site. A link is followed by a
// click: no other scheme is harmless there, and two slashes or a backslash at the
// beginning would lead to another site.
func URLFault(text string) string {
	for _, c := range []byte(text) {
		if c <= ' ' || c == 0x7f || c == '\\' {
			return "it holds a character that no URL may hold; percent-encode it"
		}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || text == "":
		return "it is no URL"
	case u.Scheme == "" && u.Host == "" && !strings.HasPrefix(text, "//"):
		return ""
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil:
		return ""
	}
	return "it must be http:, https:, or a path on the reader's own site"
}
