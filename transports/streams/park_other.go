//go:build !unix

package streams

import "net"

// Parking returns a listener for tls.NewListener. This system cannot tell
// whether there is something to read, so connections wait in Read.
func Parking(ln net.Listener) net.Listener { return ln }

type parkable struct{ net.Conn }

func (*parkable) under() *net.TCPConn { return nil }

func (*parkable) move(*net.TCPConn, Records) {}

type waiter interface {
	readable() error
	over(err error)
}

func parkableOf(net.Conn) *parkable { return nil }

func (*parkable) park(waiter) {}

func (*parkable) unpark() {}
