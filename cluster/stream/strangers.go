package stream

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// The bounds of the connections that have not said hello yet. Nobody knows whose
// they are, while each holds a descriptor, and buffers of TLS and HTTP/2.
const (
	maxStrangers      = 32               // in all; one more takes the place of the oldest
	maxStrangersOfOne = 16               // of one address; more are refused
	strangerTime      = 2 * HelloTimeout // from the accept to the hello
)

// A listener takes what other nodes dial, and ends what does not say hello in time.
// A connection that has is counted no more.
type listener struct {
	net.Listener
	refused func() // is told of each connection that was ended

	mu        sync.Mutex
	patience  time.Duration
	strangers []*stranger // the oldest first
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if s := l.take(c); s != nil {
			return s, nil
		}
		_ = c.Close()
	}
}

// take counts the connection; nil: it is refused.
func (l *listener) take(c net.Conn) *stranger {
	s := &stranger{Conn: c, listener: l, from: hostOf(c.RemoteAddr())}
	l.mu.Lock()
	ofOne := 0
	for _, other := range l.strangers {
		if other.from == s.from {
			ofOne++
		}
	}
	if ofOne >= maxStrangersOfOne {
		l.mu.Unlock()
		l.refused()
		return nil
	}
	var oldest *stranger
	if len(l.strangers) >= maxStrangers {
		oldest = l.strangers[0]
	}
	l.strangers = append(l.strangers, s)
	s.late = time.AfterFunc(l.patience, s.expel)
	l.mu.Unlock()
	if oldest != nil {
		oldest.expel()
	}
	return s
}

// forget counts the connection no more, and tells whether it was counted.
func (l *listener) forget(s *stranger) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.late.Stop()
	i := slices.Index(l.strangers, s)
	if i >= 0 {
		l.strangers = slices.Delete(l.strangers, i, i+1)
	}
	return i >= 0
}

// hostOf returns the address without its port.
func hostOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// A stranger is a connection that has not said hello, until it has.
type stranger struct {
	net.Conn
	listener *listener
	from     netip.Addr
	late     *time.Timer
}

// strangerAddr is by what a stream, which gRPC tells where it comes from, finds its
// connection.
type strangerAddr struct {
	net.Addr
	stranger *stranger
}

// RemoteAddr implements net.Conn.
func (s *stranger) RemoteAddr() net.Addr { return strangerAddr{s.Conn.RemoteAddr(), s} }

// Close implements net.Conn.
func (s *stranger) Close() error {
	s.listener.forget(s)
	return s.Conn.Close()
}

// expel ends a connection that has not said hello.
func (s *stranger) expel() {
	if s.listener.forget(s) {
		s.listener.refused()
		_ = s.Conn.Close()
	}
}
