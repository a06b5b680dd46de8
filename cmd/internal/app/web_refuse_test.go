package app

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"reddot/cmd/internal/config"
)

// sendRaw sends the text as it stands and returns all answers, up to the
// connection's end.
func sendRaw(t *testing.T, a *App, text string) string {
	t.Helper()
	var conn net.Conn
	var err error
	if strings.HasPrefix(a.URL(), "https") {
		conn, err = tls.Dial("tcp", a.Addr().String(), trusting())
	} else {
		conn, err = net.Dial("tcp", a.Addr().String())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn) // a reset ends it, too
	return string(answer)
}

// TestBodiesEndWhereAllSeeIt: a request whose end a proxy could see elsewhere is
// refused, and what stands behind it on the connection is not read.
func TestBodiesEndWhereAllSeeIt(t *testing.T) {
	plainAndTLS(t, func(t *testing.T, cfg config.Config) {
		a, _ := start(t, cfg)
		const hidden = "POST /v1/users/alice/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 14\r\n\r\n{\"body\":\"two\"}"
		for name, c := range map[string]struct {
			head, body string
			want       int
		}{
			"a length":                      {"Content-Length: 14", `{"body":"one"}`, 201},
			"chunks":                        {"Transfer-Encoding: chunked", "e\r\n{\"body\":\"one\"}\r\n0\r\n\r\n", 201},
			"chunks in capitals":            {"TRANSFER-ENCODING: CHUNKED", "e\r\n{\"body\":\"one\"}\r\n0\r\n\r\n", 201},
			"identity":                      {"Transfer-Encoding: identity", hidden, 501},
			"identity with a length":        {"Transfer-Encoding: identity\r\nContent-Length: 14", `{"body":"one"}` + hidden, 400},
			"identity behind a length":      {"Content-Length: 14\r\ntransfer-encoding: identity", `{"body":"one"}` + hidden, 400},
			"gzip":                          {"Transfer-Encoding: gzip", hidden, 501},
			"gzip and chunks":               {"Transfer-Encoding: gzip, chunked", "e\r\n{\"body\":\"one\"}\r\n0\r\n\r\n" + hidden, 501},
			"chunks twice":                  {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "e\r\n{\"body\":\"one\"}\r\n0\r\n\r\n" + hidden, 501},
			"chunks in a list":              {"Transfer-Encoding: chunked, chunked", "e\r\n{\"body\":\"one\"}\r\n0\r\n\r\n" + hidden, 501},
			"chunks and identity":           {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "e\r\n{\"body\":\"one\"}\r\n0\r\n\r\n" + hidden, 501},
			"an empty coding":               {"Transfer-Encoding:", hidden, 501},
			"chunks and a length":           {"Transfer-Encoding: chunked\r\nContent-Length: 4", "e\r\n{\"body\":\"one\"}\r\n0\r\n\r\n" + hidden, 400},
			"a length and chunks":           {"Content-Length: 4\r\nTransfer-Encoding: chunked", "e\r\n{\"body\":\"one\"}\r\n0\r\n\r\n" + hidden, 400},
			"a length twice":                {"Content-Length: 14\r\nContent-Length: 14", `{"body":"one"}` + hidden, 400},
			"two lengths":                   {"Content-Length: 14\r\nContent-Length: 4", `{"body":"one"}` + hidden, 400},
			"a length in a list":            {"Content-Length: 14, 14", `{"body":"one"}` + hidden, 400},
			"a length with a sign":          {"Content-Length: +14", `{"body":"one"}` + hidden, 400},
			"a coding with a space":         {"Transfer-Encoding : identity", hidden, 400},
			"a value that looks like one":   {"X: y\r\n Transfer-Encoding: identity\r\nContent-Length: 14", `{"body":"one"}`, 201},
			"a coding in a continued line":  {"Transfer-Encoding:\r\n identity", hidden, 501},
			"a coding by tab":               {"Transfer-Encoding:\tidentity", hidden, 501},
			"a coding with a vertical tab":  {"Transfer-Encoding: \vchunked", hidden, 400},
			"chunked with a trailing comma": {"Transfer-Encoding: chunked,", "e\r\n{\"body\":\"one\"}\r\n0\r\n\r\n" + hidden, 501},
		} {
			t.Run(name, func(t *testing.T) {
				user := "user-" + strings.ReplaceAll(name, " ", "-")
				closes := ""
				if c.want == 201 {
					closes = "Connection: close\r\n"
				}
				answer := sendRaw(t, a, "POST /v1/users/"+user+"/messages HTTP/1.1\r\nHost: localhost\r\n"+closes+c.head+"\r\n\r\n"+c.body)
				r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
				if err != nil || r.StatusCode != c.want {
					t.Fatalf("got %q, %v; want %d", answer, err, c.want)
				}
				if n := strings.Count(answer, "\r\nDate: "); n != 1 {
					t.Errorf("got %d answers, want 1: %q", n, answer)
				}
				if c.want >= 400 && !strings.Contains(answer, `"code":"invalid"`) {
					t.Errorf("no reason is told: %q", answer)
				}
			})
		}
		if n := unread(t, a, "alice"); n != 0 {
			t.Errorf("%d hidden requests were carried out", n)
		}
	})
}

// TestBrokenRequestsShowNoToken: at debug level the log tells of what is broken,
// and nothing of what stood in it.
func TestBrokenRequestsShowNoToken(t *testing.T) {
	cfg := testConfig(t)
	cfg.Dev, cfg.Log.Level, cfg.MQTT.Listen = false, "debug", "127.0.0.1:0"
	a, book := start(t, cfg)
	const canary = "canary5ecret"
	auth := "Authorization: Bearer " + canary + "\r\n"
	get := "GET /v1/users/alice/counts?token=" + canary + " HTTP/1.1\r\nHost: x\r\n"
	post := "POST /v1/users/alice/messages HTTP/1.1\r\nHost: x\r\n" + auth
	upgrade := "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	broken := []string{
		canary + "\r\n\r\n",
		"GET\t/?token=" + canary + "\r\n\r\n",
		"GET /?token=" + canary + " HTTP/9.9\r\nHost: x\r\n\r\n",
		"GET http://[::1/?token=" + canary + " HTTP/1.1\r\nHost: x\r\n\r\n",
		get + "Bad Name: " + canary + "\r\n\r\n",
		get + canary + " : x\r\n\r\n",
		get + "Authorization: Bearer " + canary + "\x00\r\n\r\n",
		get + "Authorization: Bearer " + canary + "\x01\r\n\r\n",
		get + "Authorization " + canary + "\r\n\r\n",
		get + ": " + canary + "\r\n\r\n",
		get + "Host: " + canary + "\r\n\r\n",
		get + auth + "Content-Length: " + canary + "\r\n\r\n",
		get + auth + "Transfer-Encoding: " + canary + "\r\n\r\n",
		get + auth + "Transfer-Encoding: chunked\r\nTransfer-Encoding: " + canary + "\r\n\r\n",
		get + auth + "Trailer: Authorization, " + canary + "\r\n\r\n",
		get + auth + "X: " + strings.Repeat(canary, 1000) + "\r\n\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\n" + canary + "\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\n1;" + canary + "\r\nx" + canary + "\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + canary + "\r\n\r\n",
		post + "Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: " + canary + "\r\n\r\n",
		post + "Content-Length: 2000000\r\n\r\n" + canary,
		"GET /v1/users/alice/ws HTTP/1.1\r\nHost: x\r\n" + upgrade + "Sec-WebSocket-Protocol: bearer." + canary + ", \x01\r\n\r\n",
		"GET /v1/users/alice/ws HTTP/1.1\r\nHost: x\r\n" + upgrade + "Sec-WebSocket-Protocol: bearer." + canary + "\r\n\r\n",
		"GET /mqtt HTTP/1.1\r\nHost: x\r\n" + upgrade + "Sec-WebSocket-Protocol: mqtt\r\n\r\n\xff\xff" + canary,
		"GET /mqtt HTTP/1.1\r\nHost: x\r\n" + upgrade + "Sec-WebSocket-Protocol: " + canary + "\r\n\r\n",
		"\x16\x03\x01\x00\x20" + canary + "\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + canary,
	}
	for i, text := range broken {
		conn, err := net.Dial("tcp", a.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if strings.Contains(string(answer), canary) {
			t.Errorf("the answer to %d, %q, shows it: %q", i, text, answer)
		}
	}
	// CONNECT with a password, broken behind it, and one that is none at all.
	for _, text := range []string{
		"\x10\x22\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01c\x00\x05alice\x00\xff" + canary,
		"\x10\x23\x00\x04MQTT\x05\xc2\x00\x3c\x00\x00\x01c\x00\x05alice\x00\x0c" + canary,
		"\x10\x22\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01c\x00\x05alice\x00\x0c" + canary,
		"\x30\x0e\x00\x0c" + canary,
		canary,
	} {
		conn, err := net.Dial("tcp", a.MQTTAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, text)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	eventually(t, "the log tells of a broken request", func() bool { return strings.Contains(book.String(), "fasthttp") })
	stop(t, a) // all that is under way is logged
	for line := range strings.SplitSeq(book.String(), "\n") {
		if strings.Contains(line, canary) || strings.Contains(line, fmt.Sprintf("%x", canary)) {
			t.Errorf("the log shows a token: %s", line)
		}
	}
}
