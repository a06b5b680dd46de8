package streams

import (
	"crypto/tls"
	"math"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"reddot/transports"
)

// DoorConfig bounds the connections of which nothing is known yet.
type DoorConfig struct {
	// PerAddress is how many connections one address may have, those that stay
	// included; below 1: no limit. Never more than half of All.
	PerAddress int `yaml:"sockets_per_address"`
	// All is how many connections there may be; below 1: no limit.
	All int `yaml:"connections"`
	// Reserved is how many more are let in for operators' requests alone, a quarter
	// of them from one address.
	Reserved int
	// ReservedTime is how long those may last. Zero: 5 s.
	ReservedTime time.Duration
	// Trusted are the proxies, whose clients are counted once they are known.
	Trusted []netip.Prefix
}

// mostConnections stands for no limit.
const mostConnections = math.MaxInt32

// A Door counts the connections that were accepted and do not stay, before
// anybody has said who calls: by address, and with those that stay for all. An
// address that has its share is refused at once, so that the others find room,
// and so do operators.
type Door struct {
	cfg       DoorConfig
	streams   *Streams
	open      *transports.Counts
	reserved  *transports.Counts
	n         atomic.Int64
	inReserve atomic.Int64
	refused   [2]atomic.Uint64
}

// NewDoor returns a Door for connections of which some become those of streams.
func NewDoor(cfg DoorConfig, streams *Streams) *Door {
	transports.SetDefault(&cfg.ReservedTime, 5*time.Second)
	if cfg.PerAddress < 1 {
		cfg.PerAddress = mostConnections
	} else if cfg.All > 0 {
		cfg.PerAddress = min(cfg.PerAddress, max(1, cfg.All/2))
	}
	if cfg.All < 1 {
		cfg.All = mostConnections
	}
	return &Door{cfg: cfg, streams: streams, open: transports.NewCounts(), reserved: transports.NewCounts()}
}

// Refused returns how many connections were refused for an address's sake, and
// because there were too many in all.
func (d *Door) Refused() (address, all uint64) { return d.refused[0].Load(), d.refused[1].Load() }

// Open returns how many connections there are that do not stay.
func (d *Door) Open() int { return int(d.n.Load()) }

// Listener lets in by the door what the listener accepts.
func (d *Door) Listener(ln net.Listener) net.Listener { return &doorListener{ln, d} }

// Checked is Listener for a server that makes all it accepts stay at once, and
// counts it there. It knows no operators.
func (d *Door) Checked(ln net.Listener) net.Listener { return &checkedListener{ln, d} }

type doorListener struct {
	net.Listener
	door *Door
}

// Accept implements net.Listener.
func (l *doorListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if in := l.door.enter(c); in != nil {
			return in, nil
		}
		_ = c.Close()
	}
}

type checkedListener struct {
	net.Listener
	door *Door
}

// Accept implements net.Listener.
func (l *checkedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.door.admits(l.door.countedAs(c)) {
			return c, nil
		}
		_ = c.Close()
	}
}

// countedAs returns the address by which a connection counts; the zero Addr: it
// does not.
func (d *Door) countedAs(c net.Conn) netip.Addr {
	a := transports.PeerAddress(c.RemoteAddr())
	for _, p := range d.cfg.Trusted {
		if p.Contains(a) {
			return netip.Addr{}
		}
	}
	return a
}

// admits tells whether there is room for another connection from the address.
func (d *Door) admits(from netip.Addr) bool {
	if from.IsValid() && d.open.Of(transports.NetworkOf(from))+d.streams.gate.Connections(from) >= d.cfg.PerAddress {
		d.refused[0].Add(1)
		return false
	}
	if d.isFull() {
		d.refused[1].Add(1)
		return false
	}
	return true
}

func (d *Door) isFull() bool { return int(d.n.Load())+d.streams.Places() >= d.cfg.All }

// enter counts the connection; nil: it is refused.
func (d *Door) enter(c net.Conn) net.Conn {
	from := d.countedAs(c)
	if from.IsValid() && !d.open.Acquire(transports.NetworkOf(from), d.cfg.PerAddress-d.streams.gate.Connections(from)) {
		d.refused[0].Add(1)
		return nil
	}
	in := counted{door: d, from: from}
	if d.isFull() && !d.enterReserved(&in, transports.PeerAddress(c.RemoteAddr())) {
		if from.IsValid() {
			d.open.Release(transports.NetworkOf(from))
		}
		d.refused[1].Add(1)
		return nil
	}
	d.n.Add(1)
	if in.reserved.IsValid() {
		in.until = time.Now().Add(d.cfg.ReservedTime)
		_ = c.SetDeadline(in.until)
	}
	return in.wrap(c)
}

// enterReserved gives the connection one of the reserved places.
func (d *Door) enterReserved(in *counted, from netip.Addr) bool {
	if !from.IsValid() || int(d.inReserve.Add(1)) > d.cfg.Reserved || !d.reserved.Acquire(transports.NetworkOf(from), max(1, d.cfg.Reserved/4)) {
		if from.IsValid() {
			d.inReserve.Add(-1)
		}
		return false
	}
	in.reserved = from
	return true
}

// Readmit counts a connection that comes back from those that stay.
func (d *Door) Readmit(c net.Conn) net.Conn {
	in := counted{door: d, from: d.countedAs(c)}
	if in.from.IsValid() {
		d.open.Acquire(transports.NetworkOf(in.from), mostConnections)
	}
	d.n.Add(1)
	return in.wrap(c)
}

// IsReserved tells whether a connection is there for operators' requests alone.
func IsReserved(c net.Conn) bool {
	s, ok := c.(interface{ isReserved() bool })
	return ok && s.isReserved()
}

// A counted is a connection that a Door counts, until it is closed or stays.
type counted struct {
	door     *Door
	from     netip.Addr // zero: it does not count for an address
	reserved netip.Addr // whose reserved place it has; zero: none
	until    time.Time  // of a reserved place
	left     atomic.Bool
}

// wrap returns the connection as one that is counted. The HTTP server still sees
// TLS on one that has it.
func (v *counted) wrap(c net.Conn) net.Conn {
	if t, ok := c.(tlsConn); ok {
		w := &countedTLS{tlsConn: t}
		w.door, w.from, w.reserved, w.until = v.door, v.from, v.reserved, v.until
		return w
	}
	w := &countedConn{Conn: c}
	w.door, w.from, w.reserved, w.until = v.door, v.from, v.reserved, v.until
	return w
}

// leave counts the connection no more. It may come twice.
func (v *counted) leave() {
	if v.left.Swap(true) {
		return
	}
	v.door.n.Add(-1)
	if v.from.IsValid() {
		v.door.open.Release(transports.NetworkOf(v.from))
	}
	if v.reserved.IsValid() {
		v.door.reserved.Release(transports.NetworkOf(v.reserved))
		v.door.inReserve.Add(-1)
	}
}

func (v *counted) isReserved() bool { return v.reserved.IsValid() }

// bounded returns t, or when a reserved place ends.
func (v *counted) bounded(t time.Time) time.Time {
	if v.isReserved() && (t.IsZero() || t.After(v.until)) {
		return v.until
	}
	return t
}

// tlsConn is *tls.Conn, or what embeds one.
type tlsConn interface {
	net.Conn
	Handshake() error
	ConnectionState() tls.ConnectionState
}

type countedConn struct {
	net.Conn
	counted
}

type countedTLS struct {
	tlsConn
	counted
}

var (
	_ rereader = (*countedConn)(nil)
	_ rereader = (*countedTLS)(nil)
)

// inner gives the connection away: whoever has it counts it.
func (v *countedConn) inner() net.Conn {
	v.leave()
	return v.Conn
}

func (v *countedTLS) inner() net.Conn {
	v.leave()
	return v.tlsConn
}

// Close implements net.Conn.
func (v *countedConn) Close() error {
	v.leave()
	return v.Conn.Close()
}

// Close implements net.Conn.
func (v *countedTLS) Close() error {
	v.leave()
	return v.tlsConn.Close()
}

// SetReadDeadline implements net.Conn.
func (v *countedConn) SetReadDeadline(t time.Time) error {
	return v.Conn.SetReadDeadline(v.bounded(t))
}

// SetReadDeadline implements net.Conn.
func (v *countedTLS) SetReadDeadline(t time.Time) error {
	return v.tlsConn.SetReadDeadline(v.bounded(t))
}
