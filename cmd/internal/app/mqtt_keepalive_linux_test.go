package app

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"reddot/cmd/internal/config"
	"reddot/transports/mqtt/packet"
)

// TestNobodyIsThereForEver: a client of 3.1.1 that has no keep alive may be silent for
// as long as it lives; that it is gone the kernel finds out, by TCP keep-alive.
func TestNobodyIsThereForEver(t *testing.T) {
	for name, noLoop := range map[string]bool{"event loop": false, "goroutines": true} {
		t.Run(name, func(t *testing.T) {
			plainAndTLS(t, func(t *testing.T, cfg config.Config) {
				a, _ := startWith(t, cfg, forTests{noLoop: noLoop})
				for _, keepAlive := range []uint16{0, 30} {
					t.Run(fmt.Sprint("keep alive ", keepAlive), func(t *testing.T) { isProbed(t, a, cfg, keepAlive) })
				}
			})
		})
	}
}

func isProbed(t *testing.T, a *App, cfg config.Config, keepAlive uint16) {
	t.Helper()
	for way, conn := range map[string]net.Conn{"MQTT": dialTCP(t, a, cfg), "WebSocket": dialWebSocket(t, a)} {
		hello := &packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte(way), KeepAlive: keepAlive}
		if _, err := conn.Write(hello.Append(nil, packet.V311)); err != nil {
			t.Fatal(err)
		}
		var ack [4]byte
		if _, err := io.ReadFull(conn, ack[:]); err != nil || ack != [4]byte{0x20, 2} {
			t.Fatalf("%s: got CONNACK %x, %v", way, ack, err)
		}
		client, server := addrOf(conn.LocalAddr()), addrOf(conn.RemoteAddr())
		if keepAlive > 0 {
			eventually(t, way+": all is acknowledged", func() bool { left, timed := probeIn(t, server, client); return left == 0 && !timed })
			continue
		}
		eventually(t, way+": the kernel probes", func() bool {
			left, _ := probeIn(t, server, client)
			return left > time.Minute && left <= 2*time.Minute
		})
	}
}

func dialTCP(t *testing.T, a *App, cfg config.Config) net.Conn {
	t.Helper()
	var conn net.Conn
	var err error
	if cfg.TLS.Cert == "" {
		conn, err = net.Dial("tcp", a.MQTTAddr().String())
	} else {
		conn, err = tls.Dial("tcp", a.MQTTSecureAddr().String(), trusting())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// dialWebSocket returns a connection whose addresses are those of its TCP connection.
func dialWebSocket(t *testing.T, a *App) net.Conn {
	t.Helper()
	var below net.Conn
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting(), DialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
		var err error
		below, err = net.Dial(network, addr)
		return below, err
	}}}
	c, _, err := websocket.Dial(t.Context(), strings.Replace(a.URL(), "http", "ws", 1)+"/mqtt", &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return above{websocket.NetConn(t.Context(), c, websocket.MessageBinary), below}
}

// above is a connection with the addresses of another.
type above struct {
	net.Conn
	below net.Conn
}

func (a above) LocalAddr() net.Addr  { return a.below.LocalAddr() }
func (a above) RemoteAddr() net.Addr { return a.below.RemoteAddr() }

func addrOf(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

// probeIn returns when the kernel sends the next probe on a socket of this machine,
// as proc(5) tells of /proc/net/tcp; 0: never. timed tells of any other timer.
func probeIn(t *testing.T, local, remote netip.AddrPort) (left time.Duration, timed bool) {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != procAddr(local) || f[2] != procAddr(remote) {
			continue
		}
		kind, when, _ := strings.Cut(f[5], ":")
		ticks, err := strconv.ParseUint(when, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		if kind != "02" {
			return 0, kind != "00"
		}
		return time.Duration(ticks) * 10 * time.Millisecond, false
	}
	t.Fatalf("there is no socket from %v to %v", local, remote)
	return 0, false
}

// procAddr writes an address as the kernel does, on machines of either byte order.
func procAddr(a netip.AddrPort) string {
	b := a.Addr().Unmap().As4()
	var host [4]byte
	binary.BigEndian.PutUint32(host[:], binary.NativeEndian.Uint32(b[:]))
	return strings.ToUpper(hex.EncodeToString(host[:])) + fmt.Sprintf(":%04X", a.Port())
}
