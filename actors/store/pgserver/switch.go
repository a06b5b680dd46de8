package pgserver

import (
	"io"
	"net"
	"path/filepath"
	"strconv"
	"sync"
)

// A Switch is one address behind which one database or another is, as behind a
// virtual address or a proxy. What is connected stays where it is until Cut.
type Switch struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	to    *Server
	conns map[net.Conn]bool
	ended bool
}

// NewSwitch listens on loopback in front of a server.
func NewSwitch(to *Server) (*Switch, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Switch{listener: l, to: to, conns: make(map[net.Conn]bool)}
	s.serving.Go(s.accept)
	return s, nil
}

// URL names the database behind the switch; parameters are added to it.
func (s *Switch) URL(parameters ...string) string {
	return tcpURL(s.listener.Addr().(*net.TCPAddr).Port, parameters)
}

// To leads new connections to another server; nil: to none.
func (s *Switch) To(to *Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = to
}

// Cut ends the connections of now.
func (s *Switch) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// Close ends the switch and its connections.
func (s *Switch) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.Cut()
	s.serving.Wait()
	return err
}

func (s *Switch) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { s.serve(c) })
	}
}

// serve carries a connection to the server of now.
func (s *Switch) serve(c net.Conn) {
	defer s.forget(c)
	s.mu.Lock()
	to, ended := s.to, s.ended
	s.conns[c] = true
	s.mu.Unlock()
	if to == nil || ended {
		return
	}
	o, err := net.Dial("unix", filepath.Join(to.dir, ".s.PGSQL."+strconv.Itoa(to.port)))
	if err != nil {
		return
	}
	defer o.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(o, c)
		_ = o.Close() // ends the other direction
	}()
	_, _ = io.Copy(c, o)
	_ = c.Close()
	<-done
}

func (s *Switch) forget(c net.Conn) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}
