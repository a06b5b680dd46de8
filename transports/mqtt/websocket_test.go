package mqtt_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"reddot/transports/mqtt"
)

// framed opens a WebSocket on a connection and returns what it carries.
func framed(t *testing.T, conn net.Conn) net.Conn {
	t.Helper()
	in := bufio.NewReaderSize(conn, 64<<10)
	if status := upgrade(t, conn, in, "Sec-WebSocket-Protocol: mqttv3.1, mqtt\r\n"); !strings.HasPrefix(status, "HTTP/1.1 101") {
		t.Fatalf("got %q", status)
	}
	return &frameConn{Conn: conn, in: in}
}

// upgrade asks for a WebSocket, and returns the head of the answer.
func upgrade(t *testing.T, conn net.Conn, in *bufio.Reader, fields string) string {
	t.Helper()
	_, err := fmt.Fprintf(conn, "GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", fields)
	if err != nil {
		t.Fatal(err)
	}
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\r\n" {
			return head.String()
		}
		head.WriteString(line)
	}
}

// frameConn cuts what is written into masked binary frames of odd sizes, with
// a ping between, and joins the frames that come.
type frameConn struct {
	net.Conn
	in    *bufio.Reader
	left  []byte
	whole bool // frames are not so odd, since nobody reads the answers to pings
}

func maskedFrame(first byte, payload []byte) []byte {
	b := []byte{first, 0x80 | byte(len(payload))}
	if len(payload) > 125 {
		b = binary.BigEndian.AppendUint16([]byte{first, 0x80 | 126}, uint16(len(payload)))
	}
	mask := []byte{1, 2, 3, 4}
	b = append(b, mask...)
	for i, c := range payload {
		b = append(b, c^mask[i&3])
	}
	return b
}

func (c *frameConn) Write(b []byte) (int, error) {
	var out []byte
	n := len(b)
	if c.whole {
		_, err := c.Conn.Write(maskedFrame(0x82, b))
		return n, err
	}
	for first := byte(0x02); len(b) > 0; first = 0 {
		k := min(len(b), 7)
		if k == len(b) {
			first |= 0x80
		}
		out = append(out, maskedFrame(first, b[:k])...)
		if b = b[k:]; len(b) > 0 {
			out = append(out, maskedFrame(0x89, []byte("p"))...)
		}
	}
	_, err := c.Conn.Write(out)
	return n, err
}

func (c *frameConn) Read(b []byte) (int, error) {
	for len(c.left) == 0 {
		head, err := c.in.Peek(2)
		if err != nil {
			return 0, err
		}
		n, size := int(head[1]), 2
		if n == 126 {
			size = 4
			if head, err = c.in.Peek(4); err != nil {
				return 0, err
			}
			n = int(binary.BigEndian.Uint16(head[2:]))
		}
		frame, err := c.in.Peek(size + n)
		if err != nil {
			return 0, err
		}
		opcode, payload := frame[0], append([]byte(nil), frame[size:]...)
		if _, err := c.in.Discard(size + n); err != nil {
			return 0, err
		}
		switch opcode {
		case 0x82:
			c.left = payload
		case 0x88:
			return 0, io.EOF
		}
	}
	n := copy(b, c.left)
	c.left = c.left[n:]
	return n, nil
}

// closing returns a client's close frame.
func closing(code uint16) []byte {
	return maskedFrame(0x88, binary.BigEndian.AppendUint16(nil, code))
}

func TestWebSocketRefusals(t *testing.T) {
	w := newWorld(t, mqtt.Config{}, func(w *world) { w.framed = true })
	open := func() (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn, bufio.NewReader(conn)
	}
	conn, in := open()
	if head := upgrade(t, conn, in, ""); !strings.HasPrefix(head, "HTTP/1.1 400") {
		t.Errorf("without the subprotocol: got %q", head)
	}
	conn, in = open()
	if head := upgrade(t, conn, in, "Sec-WebSocket-Protocol: mqtt\r\n"); !strings.Contains(head, "\r\nSec-Websocket-Protocol: mqtt\r\n") {
		t.Errorf("with it: got %q", head)
	}
	conn, in = open()
	if head := upgrade(t, conn, in, "Sec-WebSocket-Protocol: mqtt\r\nConnection: keep-alive\r\n"); !strings.HasPrefix(head, "HTTP/1.1 101") {
		t.Errorf("with Connection in two fields: got %q", head)
	}
	conn, in = open()
	if head := upgrade(t, conn, in, "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"); !strings.HasPrefix(head, "HTTP/1.1 400") {
		t.Errorf("with two keys: got %q", head)
	}
	for _, test := range []struct {
		name  string
		frame []byte
		code  uint16
	}{
		{"text [MQTT-6.0.0-1]", maskedFrame(0x81, []byte("x")), 1003},
		{"not masked", []byte{0x82, 1, 'x'}, 1002},
		{"reserved bit", maskedFrame(0xC2, []byte("x")), 1002},
		{"continuation of nothing", maskedFrame(0x80, []byte("x")), 1002},
		{"long ping", maskedFrame(0x89, make([]byte, 126)), 1002},
		{"ping in parts", maskedFrame(0x09, nil), 1002},
		{"unknown opcode", maskedFrame(0x83, nil), 1002},
		{"unknown control opcode", maskedFrame(0x8B, nil), 1002},
		{"close", maskedFrame(0x88, nil), 1000},
		{"close with a code", maskedFrame(0x88, []byte{0x0F, 0xA0}), 4000},
		{"close of 1 byte", maskedFrame(0x88, []byte{3}), 1002},
		{"close with bad UTF-8", maskedFrame(0x88, []byte{3, 0xE8, 0xFF}), 1007},
		{"close 999", closing(999), 1002},
		{"close 1004", closing(1004), 1002},
		{"close 1005", closing(1005), 1002},
		{"close 1006", closing(1006), 1002},
		{"close 1015", closing(1015), 1002},
		{"close 1016", closing(1016), 1002},
		{"close 1100", closing(1100), 1002},
		{"close 2000", closing(2000), 1002},
		{"close 2999", closing(2999), 1002},
		{"message within a message", append(maskedFrame(0x02, nil), maskedFrame(0x82, nil)...), 1002},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, in := open()
			upgrade(t, conn, in, "Sec-WebSocket-Protocol: mqtt\r\n")
			if _, err := conn.Write(test.frame); err != nil {
				t.Fatal(err)
			}
			var got [4]byte
			if _, err := io.ReadFull(in, got[:]); err != nil || got[0] != 0x88 || binary.BigEndian.Uint16(got[2:]) != test.code {
				t.Errorf("got % x, %v, want a close with %d", got, err, test.code)
			}
		})
	}
}
