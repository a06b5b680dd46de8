package transports_test

import (
	"bufio"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"reddot/actors/gateway"
	"reddot/transports"
	"reddot/transports/ws"
)

// connections makes TestIdleMemory a measurement:
//
//	go test -run IdleMemory -v ./transports -connections 10000
var connections = flag.Int("connections", 1000, "idle connections in TestIdleMemory")

// maxIdleHeap is what an idle connection may take of the heap, in bytes, beside
// its actor.
const maxIdleHeap = 250

// maxIdleSecure is the same with TLS, nearly all of it Go's: the handshake's
// buffers, which grow with the client's key shares, and the ciphers.
const maxIdleSecure = 10 << 10

// compressedPath is that of WebSockets for which compression is agreed on.
const compressedPath = "/ws?compressed"

// clientOf tells the test binary to be the clients: "address count path".
const clientOf = "REDDOT_TEST_CLIENT_OF"

// fixedHeap is what the first connections bring along for all, in bytes.
const fixedHeap = 128 << 10

// silentHub lets connections be.
type silentHub struct{}

func (silentHub) Attach(*gateway.Conn) {}

// TestIdleMemory measures what an idle connection costs. The clients are
// another process, so that nothing of theirs is counted.
func TestIdleMemory(t *testing.T) {
	if of := os.Getenv(clientOf); of != "" {
		beClients(t, of)
		return
	}
	for _, path := range []string{"/stream", "/ws", compressedPath, "/iframe", "/wait?timeout=60&after=" + cursor(0).String()} {
		for _, kind := range kinds {
			if kind != "loop" && !testing.Verbose() && (kind == "portable" || path != "/stream") {
				continue // for comparison
			}
			name := strings.TrimSuffix(path[1:], "&after="+cursor(0).String())
			t.Run(name+"/"+kind, func(t *testing.T) { measureIdle(t, path, kind) })
		}
	}
}

func measureIdle(t *testing.T, path, kind string) {
	w := newWorld(t, worldConfig{kind: kind, limits: transports.Limits{}.Dev(), hub: silentHub{}, ws: ws.Config{Compression: true}})
	n := *connections
	heap, rss := settle()
	client := exec.Command(os.Args[0], "-test.run=^TestIdleMemory$")
	client.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s %s", clientOf, w.addr, n, path, w.scheme))
	in, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	client.Stderr = os.Stderr
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = client.Wait() }()
	for deadline := time.Now().Add(2 * time.Minute); total(w) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %v connections", w.streams.Open())
		}
	}
	if kind != "portable" { // fasthttp's workers end after 10 s
		for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > 100 && time.Now().Before(deadline); {
			time.Sleep(100 * time.Millisecond)
		}
	}
	heapNow, rssNow := settle()
	actor := int64(unsafe.Sizeof(gateway.Conn{}))
	per := (heapNow-heap-fixedHeap)/int64(n) - actor
	t.Logf("%d connections: heap %d B each beside the actor's %d; RSS %d B each in all; goroutines %d",
		n, per, actor, (rssNow-rss)/int64(n), runtime.NumGoroutine())
	most := map[string]int64{"loop": maxIdleHeap, "tls": maxIdleSecure}[kind]
	if most > 0 && per > most {
		t.Errorf("an idle connection takes %d bytes of the heap, want at most %d", per, most)
	}
}

func total(w *world) (n int) {
	for _, k := range w.streams.Open() {
		n += k
	}
	return n
}

// settle returns the bytes in use and the resident ones, when all garbage is
// gone, and the goroutines that wait for more to do.
func settle() (heap, rss int64) {
	last := int64(-1)
	for calm := 0; calm < 6; time.Sleep(200 * time.Millisecond) {
		debug.FreeOSMemory()
		heap = inUse()
		if calm++; heap < last-last/200 || heap > last+last/200 {
			calm = 0
		}
		last = heap
	}
	status, _ := os.ReadFile("/proc/self/status")
	if _, after, ok := strings.Cut(string(status), "VmRSS:"); ok {
		kb, _ := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
		rss = kb << 10
	}
	return heap, rss
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// beClients opens the connections from several addresses, since one has not
// ports enough, and holds them until standard input ends.
func beClients(t *testing.T, of string) {
	var addr, path, scheme string
	var n int
	if _, err := fmt.Sscan(of, &addr, &n, &path, &scheme); err != nil {
		t.Fatal(err)
	}
	fields := ""
	if strings.HasPrefix(path, "/ws") {
		fields = strings.Join(upgrade, "\r\n") + "\r\n"
	}
	if path == compressedPath {
		fields += "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
	}
	conns := make([]net.Conn, n)
	for i := range conns {
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%8))}
		if runtime.GOOS != "linux" {
			from = nil
		}
		c, err := (&net.Dialer{LocalAddr: from}).Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if scheme == "https" {
			c = tls.Client(c, trusting)
		}
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: reddot\r\n%s\r\n", path, fields); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(path, "/wait") {
			if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
				t.Fatal(err)
			}
		}
		conns[i] = c
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}
