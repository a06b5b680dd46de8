package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors/store/pgserver"
)

// conditions are the delay and the loss of what one server sends another.
type conditions struct {
	delay  atomic.Int64 // nanoseconds, each way
	jitter atomic.Int64 // up to so much more
	loss   atomic.Int64 // of a thousand packets
	// stalled lets TCP connections of links stand still, while gossip goes on.
	stalled atomic.Bool
}

func (w *conditions) clear() {
	w.delay.Store(0)
	w.jitter.Store(0)
	w.loss.Store(0)
	w.stalled.Store(false)
}

func (w *conditions) latency() time.Duration {
	d := w.delay.Load()
	if j := w.jitter.Load(); j > 0 {
		d += rand.Int64N(j)
	}
	return time.Duration(d)
}

func (w *conditions) drops() bool {
	l := w.loss.Load()
	return l > 0 && rand.Int64N(1000) < l
}

// resend is what a lost segment costs a TCP connection.
const resend = 200 * time.Millisecond

// A relay carries what servers say to each other and to the database.
type relay struct {
	ctx        context.Context
	log        func(string, ...any)
	conditions [mostNodes + 1][mostNodes + 1]conditions // from, to
	mu         sync.Mutex
	open       map[int][]io.Closer // the listeners of a server
	udp        [mostNodes + 1]*net.UDPConn
	store      string           // the database's socket
	stored     map[net.Conn]int // the connections to databases, and whose they are
}

func newRelay(ctx context.Context, store string, log func(string, ...any)) (*relay, error) {
	r := &relay{ctx: ctx, store: store, log: log, open: make(map[int][]io.Closer), stored: make(map[net.Conn]int)}
	for i := 1; i <= mostNodes; i++ {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(seenIP(i)), Port: gossipPort})
		if err != nil {
			return nil, err
		}
		r.udp[i] = c
	}
	for i := 1; i <= mostNodes; i++ {
		go r.datagrams(i)
	}
	return r, r.listen(database)
}

// sender returns which server has an address.
func sender(a net.Addr) int {
	host, _, err := net.SplitHostPort(a.String())
	n := 0
	if err != nil || !strings.HasPrefix(host, "10.66.0.") {
		return -1
	}
	if _, err := fmt.Sscanf(host, "10.66.0.%d", &n); err != nil || n < 1 || n > mostNodes {
		return -1
	}
	return n
}

// datagrams carries the gossip to a server.
func (r *relay) datagrams(to int) {
	buf := make([]byte, 1<<16)
	target := &net.UDPAddr{IP: net.ParseIP(nodeIP(to)), Port: gossipPort}
	for {
		n, from, err := r.udp[to].ReadFromUDP(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the port that the last one went to is closed
		}
		f := sender(from)
		if f < 0 {
			continue
		}
		w := &r.conditions[f][to]
		if w.drops() {
			continue
		}
		b := append([]byte(nil), buf[:n]...)
		send := func() { _, _ = r.udp[f].WriteToUDP(b, target) }
		if d := w.latency(); d > 0 {
			time.AfterFunc(d, send)
		} else {
			send()
		}
	}
}

// listen opens the ports of a server's TCP: where nothing listens, connections
// are refused, as at the server itself.
func (r *relay) listen(to int) error {
	ports := []int{gossipPort, linkPort}
	if to == database {
		ports = []int{storePort}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.open[to]) > 0 {
		return nil
	}
	for _, port := range ports {
		ln, err := net.Listen("tcp4", fmt.Sprintf("%s:%d", seenIP(to), port))
		if err != nil {
			return err
		}
		r.open[to] = append(r.open[to], ln)
		go r.accept(ln, to, port)
	}
	return nil
}

// close refuses connections to a server that has ended.
func (r *relay) close(to int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ln := range r.open[to] {
		_ = ln.Close()
	}
	delete(r.open, to)
}

// redirect leads new connections to another database.
func (r *relay) redirect(db *pgserver.Server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.store = socket(db)
}

func socket(db *pgserver.Server) string { return filepath.Join(db.Dir(), ".s.PGSQL.5432") }

// enter notes a connection to the database, and returns where that is.
func (r *relay) enter(c net.Conn, from int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stored[c] = from
	return r.store
}

func (r *relay) leave(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.stored, c)
}

// drop ends some of the connections of a server to the database: half of them.
func (r *relay) drop(of int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	odd := false
	for c, from := range r.stored {
		if from != of {
			continue
		}
		if odd = !odd; odd {
			_ = c.Close()
		}
	}
}

func (r *relay) accept(ln net.Listener, to, port int) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		from := sender(c.RemoteAddr())
		if from < 0 {
			_ = c.Close()
			continue
		}
		go r.connection(c, from, to, port)
	}
}

// connection carries one TCP connection.
func (r *relay) connection(c net.Conn, from, to, port int) {
	defer func() { _ = c.Close() }()
	network, addr := "tcp4", fmt.Sprintf("%s:%d", nodeIP(to), port)
	d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(seenIP(from))}}
	if to == database {
		network, addr, d.LocalAddr = "unix", r.enter(c, from), nil
		defer r.leave(c)
	}
	o, err := d.DialContext(r.ctx, network, addr)
	if err != nil {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // it ends by a reset
		}
		return
	}
	defer func() { _ = o.Close() }()
	link := port != gossipPort
	over := make(chan struct{}, 2)
	go func() { r.forward(o, c, &r.conditions[from][to], link); over <- struct{}{} }()
	go func() { r.forward(c, o, &r.conditions[to][from], link); over <- struct{}{} }()
	<-over
}

// forward carries what comes from one side to the other, in order and as late as
// the conditions say, until either ends.
func (r *relay) forward(dst io.Writer, src io.Reader, w *conditions, link bool) {
	type chunk struct {
		b   []byte
		due time.Time
	}
	chunks := make(chan chunk, 256)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for c := range chunks {
			time.Sleep(time.Until(c.due))
			for link && w.stalled.Load() && r.ctx.Err() == nil {
				time.Sleep(5 * time.Millisecond)
			}
			if _, err := dst.Write(c.b); err != nil {
				return
			}
		}
	}()
	defer func() {
		close(chunks)
		<-gone
	}()
	for {
		b := make([]byte, 32<<10)
		n, err := src.Read(b)
		if n > 0 {
			d := w.latency()
			if w.drops() {
				d += resend
			}
			select {
			case chunks <- chunk{b[:n], time.Now().Add(d)}:
			case <-gone:
				return
			}
		}
		if err != nil {
			return
		}
	}
}
