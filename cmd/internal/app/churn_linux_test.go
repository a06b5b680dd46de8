package app

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reddot/cmd/internal/config"
)

// Churn: clients of all five transports come and go in every way there is, by
// the thousand, while others publish to the same users and users fall asleep.
// In the end there is no connection, descriptor, goroutine, actor or byte more
// than after the first few hundred.

const (
	churnUsers    = 40
	churnVisitors = 24
	churnKeeps    = 512 << 10 // bytes of heap that a round may leave: what others in the process do in the same time
)

// The ways in which a visit goes on, once it has begun.
const (
	wayClose     = iota
	wayHalfClose // the client has nothing more to say
	wayReset
	wayEarly // before there is an answer
	wayTalk  // it publishes, and what it says means something
	wayFlood // it sends what nobody asked for
	wayKick  // the operator ends it
	waySlow  // it reads nothing, and much is sent to it
	ways
)

// A churn is a server and its visitors.
type churn struct {
	app      *App
	tls      *tls.Config // nil: plain
	http     *http.Client
	begun    [5]atomic.Int64 // visits which had an answer, by transport
	slow     atomic.Int32    // visits that read nothing, of the moment
	toSlow   atomic.Int64    // bytes that were published to them
	bodySize int             // of what is published to them
	idle     int             // goroutines of the transports that are there before anybody comes
}

var churnPaths = [...]string{"counts", "wait", "iframe", "stream", "ws"}

func TestChurn(t *testing.T) {
	for _, test := range []struct {
		name   string
		visits int
		tls    bool
		noLoop bool
	}{
		{"loop", 1600, false, false},
		{"portable", 1200, false, true},
		{"tls", 1600, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			visits := test.visits
			if testing.Short() {
				visits /= 8
			}
			fds, goroutines := openDescriptors(t, ""), goroutinesOf("reddot/")
			c := newChurn(t, test.tls, test.noLoop)
			c.round(t, visits/4) // fills pools, and everything that is kept for the next
			before := c.leftovers(t)
			c.round(t, visits)
			after := c.leftovers(t)
			t.Logf("%d visits: heap %d KiB, then %d KiB; begun %v, ended %v", visits, before.heap>>10, after.heap>>10, c.counts(), c.ended(t))
			if after.sockets != before.sockets {
				t.Errorf("%d sockets, and %d before", after.sockets, before.sockets)
			}
			eventually(t, "heap is free", func() bool { return heapInUse() < before.heap+churnKeeps })
			for _, why := range []string{"gone", "slow", "protocol", "disconnected"} {
				if n := c.ended(t)[why]; n < visits/200 {
					t.Errorf("only %d connections were ended as %s", n, why)
				}
			}
			for i, n := range c.counts() {
				if n < int64(visits/5/3) {
					t.Errorf("only %d visits by %s had an answer", n, churnPaths[i])
				}
			}
			c.http.CloseIdleConnections()
			stop(t, c.app)
			eventually(t, "all goroutines end", func() bool { return goroutinesOf("reddot/") <= goroutines })
			eventually(t, "all descriptors are closed", func() bool { return openDescriptors(t, "") <= fds })
		})
	}
}

func newChurn(t *testing.T, secure, noLoop bool) *churn {
	t.Helper()
	cfg := testConfig(t)
	cfg.Inbox.Messages, cfg.Inbox.RetainEvents = 20, 50
	cfg.Store.Embedded.MemTableBytes, cfg.Store.Embedded.CacheBytes = 1<<20, 1<<20
	cfg.WebSocket.Compression = true
	c := &churn{bodySize: 16 << 10}
	var pool *x509.CertPool
	if secure {
		dir := t.TempDir()
		cfg.TLS = config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
		pool = writeCertificate(t, cfg.TLS)
		c.tls = &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
	}
	c.app, _ = startWith(t, cfg, forTests{idle: 200 * time.Millisecond, noLoop: noLoop})
	// Whoever accepts is counted only where it waits.
	eventually(t, "the server accepts", func() bool { return goroutinesOf(".Accept(") > 0 })
	c.idle = goroutinesOf("reddot/transports")
	c.http = &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 8, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	return c
}

func (c *churn) counts() (n [5]int64) {
	for i := range c.begun {
		n[i] = c.begun[i].Load()
	}
	return n
}

// left is what there is when nobody is there.
type left struct {
	sockets int
	heap    uint64
}

// leftovers waits until everybody has left, and all users sleep.
func (c *churn) leftovers(t *testing.T) left {
	t.Helper()
	c.http.CloseIdleConnections()
	eventually(t, "all connections leave", func() bool {
		for _, n := range c.app.streams.Open() {
			if n > 0 {
				return false
			}
		}
		return c.app.web.server.GetOpenConnectionsCount() == 0 && len(c.app.connected("default")) == 0
	})
	eventually(t, "all users sleep", func() bool { return c.app.node.Awake() == 0 })
	eventually(t, "goroutines of connections end", func() bool { return goroutinesOf("reddot/transports") <= c.idle })
	l := left{sockets: openDescriptors(t, "socket:"), heap: heapInUse()}
	eventually(t, "the heap settles", func() bool { // what is done in the background
		last := l.heap
		l.heap = heapInUse()
		return l.heap < last+32<<10 && last < l.heap+32<<10
	})
	return l
}

// goroutinesOf counts those that are in a package whose path begins so, or
// were started by it, but for the test itself, and for the one that serves the
// deadlines of all connections: it ends when the last has gone by, after 26 s.
func goroutinesOf(prefix string) (n int) {
	b := make([]byte, 8<<20)
	b = b[:runtime.Stack(b, true)]
	for stack := range bytes.SplitSeq(b, []byte("\n\n")) {
		if bytes.Contains(stack, []byte(prefix)) && !bytes.Contains(stack, []byte("TestChurn")) && !bytes.Contains(stack, []byte("(*wheel).run")) {
			n++
		}
	}
	return n
}

// openDescriptors counts those of files whose names begin so.
func openDescriptors(t *testing.T, prefix string) (n int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		name, err := os.Readlink("/proc/self/fd/" + f.Name())
		if err == nil && strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

func heapInUse() uint64 {
	for range 3 { // what pools held is gone after the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// round lets so many visit.
func (c *churn) round(t *testing.T, visits int) {
	t.Helper()
	var done atomic.Bool
	var publishers, visitors sync.WaitGroup
	for range 2 {
		publishers.Go(func() { c.publishUntil(t, &done) })
	}
	numbers := make(chan int)
	for range churnVisitors {
		visitors.Go(func() {
			for n := range numbers {
				c.visit(n)
			}
		})
	}
	for n := range visits {
		numbers <- n
	}
	close(numbers)
	visitors.Wait()
	done.Store(true)
	publishers.Wait()
}

func churnUser() string { return fmt.Sprint("user-", rand.IntN(churnUsers)) }

func (c *churn) publishUntil(t *testing.T, done *atomic.Bool) {
	for !done.Load() {
		user, size := churnUser(), 100
		if c.slow.Load() > 0 && rand.IntN(2) == 0 {
			user, size = "slow", c.bodySize
			c.toSlow.Add(int64(size))
		}
		c.post(t, "/v1/users/"+user+"/messages", `{"body":"`+strings.Repeat("x", size)+`"}`)
		time.Sleep(time.Millisecond) // the visitors are to get a turn
	}
}

// post may fail while the machine is busy; it may not be refused.
func (c *churn) post(t *testing.T, path, body string) {
	res, err := c.http.Post(c.app.URL()+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode >= 400 {
		t.Errorf("%s: %s", path, res.Status)
	}
}

// A visitor is one client's connection.
type visitor struct {
	*churn
	net.Conn
	tcp       *net.TCPConn
	in        *bufio.Reader
	transport int
	user      string
}

// visit is the life of one client, the n-th.
func (c *churn) visit(n int) {
	v := &visitor{churn: c, transport: n % len(churnPaths), user: churnUser()}
	way := n / len(churnPaths) % ways
	if way == waySlow {
		v.user = "slow"
	}
	nc, err := net.Dial("tcp", c.app.Addr().String())
	if err != nil {
		return
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	v.Conn, v.tcp = nc, nc.(*net.TCPConn)
	if way == waySlow {
		_ = v.tcp.SetReadBuffer(4 << 10)
		c.slow.Add(1)
		defer c.slow.Add(-1)
	}
	if c.tls != nil {
		v.Conn = tls.Client(nc, c.tls)
	}
	v.in = bufio.NewReader(v.Conn)
	if v.ask(way) {
		v.leave(way)
	}
}

var cursorText = regexp.MustCompile(`"cursor":"([^"]+)"`)

// ask sends the request. False says that the visit is over.
func (v *visitor) ask(way int) bool {
	path, fields := churnPaths[v.transport], ""
	switch path {
	case "wait":
		path += "?timeout=1&after=" + v.cursor()
	case "ws":
		fields = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
			"Sec-WebSocket-Extensions: permessage-deflate\r\n"
	}
	if _, err := fmt.Fprintf(v, "GET /v1/users/%s/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n", v.user, path, fields); err != nil {
		return false
	}
	if way == wayEarly {
		if rand.IntN(2) == 0 {
			_ = v.tcp.SetLinger(0)
		}
		return false
	}
	if churnPaths[v.transport] == "wait" && way != wayTalk {
		return true // it is parked, or about to be
	}
	return v.answered()
}

// answered waits for the first line of an answer.
func (v *visitor) answered() bool {
	status, err := v.in.ReadString('\n')
	if err != nil {
		return false
	}
	if strings.Contains(status, " 200 ") || strings.Contains(status, " 101 ") || strings.Contains(status, " 304 ") {
		v.begun[v.transport].Add(1)
	}
	return true
}

// cursor asks for the user's counts on the same connection.
func (v *visitor) cursor() string {
	_, _ = fmt.Fprintf(v, "GET /v1/users/%s/counts HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", v.user)
	res, err := http.ReadResponse(v.in, nil)
	if err != nil {
		return ""
	}
	b, _ := io.ReadAll(res.Body)
	if m := cursorText.FindSubmatch(b); m != nil {
		return string(m[1])
	}
	return ""
}

// leave is how the visit goes on.
func (v *visitor) leave(way int) {
	switch way {
	case wayReset:
		_ = v.tcp.SetLinger(0)
	case wayHalfClose:
		_ = v.tcp.CloseWrite()
		_, _ = io.Copy(io.Discard, v.in)
	case wayTalk:
		v.talk()
	case wayFlood:
		b := bytes.Repeat([]byte{0x81, 0xFE, 0x01, 0x00, 'G', 'E', 'T', ' '}, 20<<10)
		_, _ = v.Write(b)
		_, _ = io.Copy(io.Discard, v.in)
	case wayKick:
		if res, err := v.http.Post(v.app.URL()+"/v1/users/"+v.user+"/disconnect", "", nil); err == nil {
			_ = res.Body.Close()
		}
		if churnPaths[v.transport] != "counts" && churnPaths[v.transport] != "wait" { // whose connections go on
			_, _ = io.Copy(io.Discard, v.in)
		}
	case waySlow:
		v.dawdle()
	}
	if churnPaths[v.transport] == "wait" && way != wayTalk {
		v.begun[v.transport].Add(1) // it was parked, which the server alone knows
	}
}

// talk says something sensible, and hears some of what is new.
func (v *visitor) talk() {
	if churnPaths[v.transport] == "ws" {
		text := []byte(`{"type":"read","id":1,"all":true}`)
		frame := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
		_, _ = v.Write(append(frame, 0x88, 0x80, 0, 0, 0, 0))
		_, _ = io.Copy(io.Discard, v.in)
		return
	}
	if res, err := v.http.Post(v.app.URL()+"/v1/users/"+v.user+"/messages", "application/json", strings.NewReader(`{"body":"hi"}`)); err == nil {
		_ = res.Body.Close()
	}
	for v.transport > 1 { // of a poll the answer is all that comes
		line, err := v.in.ReadString('\n')
		if err != nil || strings.Contains(line, `"type":"message"`) {
			return
		}
	}
}

// dawdle reads nothing until much is published, then what has come.
func (v *visitor) dawdle() {
	if v.transport < 2 { // a poll's answer is all that comes
		return
	}
	enough, late := v.toSlow.Load()+1<<20, time.Now().Add(5*time.Second)
	for v.toSlow.Load() < enough && time.Now().Before(late) {
		time.Sleep(5 * time.Millisecond)
	}
	_ = v.SetDeadline(time.Now().Add(300 * time.Millisecond))
	_, _ = io.Copy(io.Discard, v.in)
}

// ended returns how many connections the server has ended, by reason.
func (c *churn) ended(t *testing.T) map[string]int {
	t.Helper()
	families, err := c.app.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, f := range families {
		if f.GetName() == "reddot_actors_connections_ended_total" {
			for _, m := range f.GetMetric() {
				n[m.GetLabel()[0].GetValue()] += int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}
