package transports_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// The opening handshake (RFC 6455 section 4): what it needs, what is said where
// something is missing, and what is no matter.
func TestHandshake(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	good := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key}
	change := func(old string, fresh ...string) []string {
		list := slices.Clone(good)
		i := slices.IndexFunc(list, func(f string) bool { return strings.HasPrefix(f, old+":") })
		return slices.Replace(list, i, i+1, fresh...)
	}
	for _, test := range []struct {
		name    string
		request string
		fields  []string
		want    string // of the problem's detail; "": it opens
	}{
		{"4.1", "", good, ""},
		{"among others", "", change("Connection", "Connection: keep-alive, Upgrade"), ""},
		{"in two fields", "", change("Connection", "Connection: keep-alive", "Connection: Upgrade"), ""},
		{"case does not count", "", append(change("Upgrade", "upgrade: WebSocket")[:3], "sec-websocket-key: "+key), ""},
		{"another subprotocol", "", append([]string{"Sec-WebSocket-Protocol: chat, superchat"}, good...), ""},
		{"an extension", "", append([]string{"Sec-WebSocket-Extensions: mux; max-channels=4, x"}, good...), ""},
		{"no Upgrade", "", change("Upgrade"), "'websocket' token not found in 'Upgrade'"},
		{"another Upgrade", "", change("Upgrade", "Upgrade: h2c"), "'websocket' token not found in 'Upgrade'"},
		{"no Connection", "", change("Connection"), "'upgrade' token not found in 'Connection'"},
		{"Connection: close", "", change("Connection", "Connection: close"), "'upgrade' token not found in 'Connection'"},
		{"no version", "", change("Sec-WebSocket-Version"), "13 not found in 'Sec-Websocket-Version'"},
		{"an older version", "", change("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), "13 not found in 'Sec-Websocket-Version'"},
		{"no key", "", change("Sec-WebSocket-Key"), "Sec-WebSocket-Key' header is missing"},
		{"a short key", "", change("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ="), "Sec-WebSocket-Key must stand once, with 16 bytes"},
		{"a key that is none", "", change("Sec-WebSocket-Key", "Sec-WebSocket-Key: !"), "Sec-WebSocket-Key must stand once, with 16 bytes"},
		{"two keys", "", append([]string{"Sec-WebSocket-Key: " + key}, good...), "Sec-WebSocket-Key must stand once, with 16 bytes"},
		{"broken extensions", "", append([]string{"Sec-WebSocket-Extensions: permessage-deflate; ="}, good...), "Sec-WebSocket-Extensions is malformed"},
		{"a body", "", append([]string{"Content-Length: 5"}, good...), "it must have no body"},
		{"a body in chunks", "", append([]string{"Transfer-Encoding: chunked"}, good...), "it must have no body"},
		{"HTTP/1.0", "GET /ws HTTP/1.0", good, "it must be of HTTP/1.1"},
		{"a bad cursor", "GET /ws?after=%3F HTTP/1.1", good, "this is no cursor"},
		{"POST", "POST /ws HTTP/1.1", append([]string{"Content-Length: 0"}, good...), "request method is not GET"},
	} {
		t.Run(test.name, func(t *testing.T) {
			everyKind(t, func(t *testing.T, kind string) {
				w := newWorld(t, worldConfig{kind: kind})
				c := w.dial(t)
				if test.request == "" {
					test.request = "GET /ws HTTP/1.1"
				}
				fmt.Fprintf(c, "%s\r\nHost: reddot\r\n%s\r\n\r\n", test.request, strings.Join(test.fields, "\r\n"))
				if strings.Contains(test.want, "body") {
					fmt.Fprint(c, "0\r\n\r\n") // five bytes, or the last chunk
				}
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				if test.want == "" {
					h := res.Header
					if res.StatusCode != 101 || h.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || h.Get("Sec-WebSocket-Protocol") != "" || h.Get("Sec-WebSocket-Extensions") != "" {
						t.Errorf("got %s %v", res.Status, h)
					}
					return
				}
				b, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != 400 || !strings.Contains(string(b), test.want) || !strings.Contains(string(b), `"code":"invalid"`) {
					t.Errorf("got %s %s, %v", res.Status, b, err)
				}
				if res.Header.Get("Upgrade") != "" || res.Header.Get("Sec-WebSocket-Accept") != "" {
					t.Errorf("the answer seems to open one: %v", res.Header)
				}
				if res.Header.Get("Sec-WebSocket-Version") != "13" && test.name != "a bad cursor" {
					t.Errorf("the answer does not name the version: %v", res.Header)
				}
				if open := w.streams.Open()["ws"]; open != 0 {
					t.Errorf("a place is taken: %d", open)
				}
			})
		})
	}
}
