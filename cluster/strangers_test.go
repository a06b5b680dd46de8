package cluster_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"reddot/actors/actorstest"
	"reddot/cluster"
)

// knock opens connections to a node's port for links from an address of loopback.
func knock(t *testing.T, n *cluster.Node, from string, count int) []net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	var list []net.Conn
	for range count {
		c, err := d.Dial("tcp", n.LinksAddr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		list = append(list, c)
	}
	return list
}

// ended tells whether the node closes the connection within a time.
func ended(c net.Conn, within time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(within))
	for b := make([]byte, 512); ; {
		if _, err := c.Read(b); err != nil {
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
}

// soonStranger lets connections say hello soon.
func soonStranger(n *cluster.Node) { n.SetStrangerTime(time.Second) }

// TestStrangersMustSpeak: what does not say hello is ended, however far it has come.
// Without a cluster's key anybody comes as far as a stream.
func TestStrangersMustSpeak(t *testing.T) {
	w := newWorld(t, 0)
	for _, name := range []string{"a", "b"} {
		n, _ := w.startWith(name, func(c *cluster.Config) { c.Cluster.Key = nil }, soonStranger)
		w.nodes = append(w.nodes, n)
	}
	w.settled()
	a := w.nodes[0]
	silent := knock(t, a, "127.0.0.2", 1)[0]
	settled := knock(t, a, "127.0.0.2", 1)[0]
	// The preface of HTTP/2, with settings that say nothing (RFC 9113 section 3.4).
	if _, err := settled.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]net.Conn{"without a word": silent, "without a stream": settled} {
		if !ended(c, actorstest.Patience) {
			t.Errorf("a connection %s stays", name)
		}
	}
	conn, err := grpc.NewClient(a.LinksAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), actorstest.Patience)
	defer cancel()
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/reddot.Peers/Link")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(nil); err == nil || ctx.Err() != nil {
		t.Errorf("a stream without a hello stays: %v", err)
	}
	w.settled() // the links of both nodes outlive it
}
