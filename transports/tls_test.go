package transports_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports/streams"
)

func testCertificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// trusting is a client's config that believes every certificate.
var trusting = &tls.Config{InsecureSkipVerify: true}

// secureListener speaks TLS as the server does.
func secureListener(t testing.TB, ln net.Listener) net.Listener {
	return tls.NewListener(streams.Parking(ln), &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}, MinVersion: tls.VersionTLS12})
}

// tcpOf returns what a client's connection runs on.
func tcpOf(c net.Conn) *net.TCPConn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return c.(*net.TCPConn)
}

// Over TLS the same is seen, though its sockets cannot be written to directly;
// whether its idle connections park makes no difference.
func TestTLS(t *testing.T) {
	t.Run("parking", func(t *testing.T) { testTLS(t, streams.Parking) })
	t.Run("blocking", func(t *testing.T) { testTLS(t, func(ln net.Listener) net.Listener { return ln }) })
}

func testTLS(t *testing.T, wrap func(net.Listener) net.Listener) {
	cert := testCertificate(t)
	w := newWorld(t, worldConfig{wrap: func(ln net.Listener) net.Listener {
		return tls.NewListener(wrap(ln), &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	}})
	dial := func(request string, early []byte) *bufio.Reader {
		t.Helper()
		c := tls.Client(w.dial(t), &tls.Config{InsecureSkipVerify: true})
		if _, err := c.Write(append([]byte(request+"\r\n\r\n"), early...)); err != nil {
			t.Fatal(err)
		}
		return bufio.NewReader(c)
	}
	stream := dial("GET /stream HTTP/1.1\r\nHost: reddot", nil)
	socket := dial("GET /ws HTTP/1.1\r\nHost: reddot\r\n"+strings.Join(upgrade, "\r\n"), clientFrame(1, true, []byte(`{"type":"ping","id":1}`)))
	w.attached(t, 2)
	if res, err := http.ReadResponse(socket, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("got %v, %v", res, err)
	}
	seen := map[byte]int{}
	for range 2 { // hello, and the answer to what came early
		op, _, err := readServerFrame(socket)
		if err != nil {
			t.Fatal(err)
		}
		seen[op]++
	}
	for range 50 {
		w.user.publish(strings.Repeat("x", 1000))
	}
	w.user.end(actors.EndDrain)
	b, err := io.ReadAll(stream)
	if err != nil || strings.Count(string(b), "event: message") != 50 || !strings.HasSuffix(string(b), "}\n\n") {
		t.Errorf("sse: got %d events, %v", strings.Count(string(b), "event: message"), err)
	}
	for {
		op, text, err := readServerFrame(socket)
		if err != nil {
			t.Fatalf("ws: %v after %v", err, seen)
		}
		if seen[op]++; op == 8 {
			if got := fmt.Sprintf("%q", text); got != `"\x03\xf4the server drains"` {
				t.Errorf("ws: closed with %s", got)
			}
			break
		}
	}
	if seen[1] != 53 { // hello, ok, 50 messages, drain
		t.Errorf("ws: got %d text frames, want 53", seen[1])
	}
}
