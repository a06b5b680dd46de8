package poller

import (
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// A goPoller is the poller for systems without epoll, and for TLS: a goroutine
// and a buffer a link.
type goPoller struct {
	events chan goEvent
	secure *tls.Config
	links  map[*goLink]bool
	timer  *time.Timer
}

type goEvent struct {
	link *goLink
	conn net.Conn // on connecting
	b    []byte
	err  error
}

func newGoPoller(secure *tls.Config) *goPoller {
	return &goPoller{
		events: make(chan goEvent, 64),
		secure: secure,
		links:  make(map[*goLink]bool),
		timer:  time.NewTimer(time.Hour),
	}
}

// Open implements Poller.
func (p *goPoller) Open(from netip.Addr, to string, peer Peer) (Link, error) {
	l := &goLink{p: p, peer: peer, next: make(chan struct{}, 1), done: make(chan struct{})}
	p.links[l] = true
	go l.run(from, to)
	return l, nil
}

// Wait implements Poller.
func (p *goPoller) Wait(until time.Time) error {
	p.timer.Reset(max(0, time.Until(until)))
	select {
	case e := <-p.events:
		e.link.take(e)
	case <-p.timer.C:
		return nil
	}
	for range cap(p.events) {
		select {
		case e := <-p.events:
			e.link.take(e)
		default:
			return nil
		}
	}
	return nil
}

// Close implements Poller.
func (p *goPoller) Close() error {
	for l := range p.links {
		l.Shut()
	}
	return nil
}

type goLink struct {
	p      *goPoller
	peer   Peer
	conn   net.Conn // nil while connecting
	out    []byte   // what was written before
	paused bool
	owed   bool          // the reader awaits next, held back by the pause
	next   chan struct{} // lets the reader use its buffer again
	done   chan struct{}
	once   sync.Once
}

// run connects and reads, in its own goroutine.
func (l *goLink) run(from netip.Addr, to string) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	var conn net.Conn
	var err error
	if l.p.secure != nil {
		conn, err = tls.DialWithDialer(&d, "tcp", to, l.p.secure)
	} else {
		conn, err = d.Dial("tcp", to)
	}
	if err != nil {
		l.tell(goEvent{err: err})
		return
	}
	defer conn.Close()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // ends a read that hangs when the owner shuts
		select {
		case <-l.done:
			conn.Close()
		case <-stop:
		}
	}()
	if !l.tell(goEvent{conn: conn}) {
		return
	}
	buf := make([]byte, 8<<10)
	for {
		n, err := conn.Read(buf)
		if n > 0 && !l.tell(goEvent{b: buf[:n]}) {
			return
		}
		if err != nil {
			l.tell(goEvent{err: err})
			return
		}
	}
}

// tell hands the event over and waits until it was taken.
func (l *goLink) tell(e goEvent) bool {
	e.link = l
	select {
	case l.p.events <- e:
	case <-l.done:
		return false
	}
	select {
	case <-l.next:
		return true
	case <-l.done:
		return false
	}
}

// take handles an event in the owner's goroutine.
func (l *goLink) take(e goEvent) {
	if l.shutDown() {
		return
	}
	switch {
	case e.conn != nil:
		l.conn = e.conn
		l.Write(nil)
	case e.err != nil:
		l.Shut()
		l.peer.Closed(e.err)
		return
	default:
		l.peer.Received(e.b)
	}
	if l.paused {
		l.owed = true
		return
	}
	l.next <- struct{}{}
}

func (l *goLink) Write(b []byte) {
	if l.conn == nil {
		l.out = append(l.out, b...)
		return
	}
	if len(l.out) > 0 {
		b = append(l.out, b...)
		l.out = nil
	}
	if len(b) == 0 || l.shutDown() {
		return
	}
	_ = l.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := l.conn.Write(b); os.IsTimeout(err) {
		l.conn.Close() // the reader tells
	}
}

// Pause implements Link.
func (l *goLink) Pause() { l.paused = true }

// Resume implements Link.
func (l *goLink) Resume() {
	l.paused = false
	if l.owed {
		l.owed = false
		l.next <- struct{}{}
	}
}

func (l *goLink) shutDown() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// Shut implements Link.
func (l *goLink) Shut() {
	l.once.Do(func() { close(l.done) })
	delete(l.p.links, l)
}
