package eventloop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"reddot/transports/streams"
)

// readBufferSize is what one read takes at most; it is one buffer a loop.
const readBufferSize = 64 << 10

// firstFD is the lowest descriptor for a connection: Go ends the process when
// the reader of 1 or 2 is gone.
const firstFD = 3

// maxEvents is how many events are fetched at a time.
const maxEvents = 256

// defaultLoops is the most loops where nobody says how many.
const defaultLoops = 4

// firstLoopConns is how many connections the first loop carries before the others get
// any. What a few clients send is handled in the order in which it came, over
// all of them, and by a goroutine that is awake: where two threads read, a packet
// may be overtaken by one that another client sent a millisecond later.
const firstLoopConns = 64

// maxLoops is the most loops: a connection has a byte to say which is its own.
const maxLoops = 256

// A Loop carries connections. It is safe for concurrent use.
type Loop struct {
	loops []*loop
	next  atomic.Uint32
	find  func(id uint64) streams.Wire

	firstLoopConns int32 // the constant, but in tests
}

var _ streams.Loop = (*Loop)(nil)

// New returns a Loop which Close must end. It begins with Serve.
func New(cfg Config, log *slog.Logger) (*Loop, error) {
	n := cfg.Loops
	if n <= 0 {
		n = min(runtime.GOMAXPROCS(0), defaultLoops)
	}
	n = min(n, maxLoops)
	l := &Loop{firstLoopConns: firstLoopConns}
	for range n {
		one, err := newLoop(l, log)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("event loop: %w", err), l.Close())
		}
		l.loops = append(l.loops, one)
	}
	return l, nil
}

// Serve implements streams.Loop.
func (l *Loop) Serve(find func(id uint64) streams.Wire) {
	l.find = find
	for _, one := range l.loops {
		go one.run()
	}
}

// Close ends the loops. There must be no connection left: it would
// never be told of its end.
func (l *Loop) Close() error {
	var errs []error
	for _, one := range l.loops {
		errs = append(errs, one.close(l.find != nil))
	}
	return errors.Join(errs...)
}

// Carry implements streams.Loop. A connection with TLS is carried if it came
// by streams.Parking.
func (l *Loop) Carry(nc net.Conn, s *streams.Start) error {
	if secure, ok := nc.(*tls.Conn); ok {
		if tcp := streams.UnderlyingTCP(secure); tcp != nil {
			return l.carrySecure(secure, s, tcp)
		}
	}
	fd, err := detach(nc)
	if err != nil {
		return err
	}
	c := &conn{place: l.choose(), fd: fd}
	c.begin(s)
	return nil
}

// choose counts another connection, and returns the place of its loop.
func (l *Loop) choose() uint8 {
	place := uint32(0)
	if l.loops[0].carries.Load() >= l.firstLoopConns {
		place = l.next.Add(1) % uint32(len(l.loops))
	}
	l.loops[place].carries.Add(1)
	return uint8(place)
}

// detach takes the socket out of Go's poller: it duplicates the descriptor,
// which stays non-blocking, and closes the connection. Not by File or Fd, which
// would register it again or make it block.
func detach(nc net.Conn) (fd int32, err error) {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return -1, errors.ErrUnsupported
	}
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("detach: %w", err)
	}
	var n int
	var dup error
	err = raw.Control(func(old uintptr) { n, dup = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, firstFD) })
	if err == nil {
		err = os.NewSyscallError("fcntl", dup)
	}
	if err != nil {
		return -1, fmt.Errorf("detach: %w", err)
	}
	_ = nc.Close()
	return int32(n), nil
}

// A loop is one epoll descriptor and the goroutine that waits for it.
type loop struct {
	all  *Loop
	log  *slog.Logger
	fd   int
	file *os.File // the descriptor, in Go's poller
	raw  syscall.RawConn
	over atomic.Bool // close was called
	done chan struct{}

	carries atomic.Int32 // connections
}

func newLoop(all *Loop, log *slog.Logger) (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // else NewFile would not poll it
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	l := &loop{all: all, log: log, fd: fd, file: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{})}
	if l.raw, err = l.file.SyscallConn(); err != nil {
		_ = l.file.Close()
		return nil, err
	}
	return l, nil
}

func (l *loop) close(runs bool) error {
	l.over.Store(true)
	err := l.file.Close()
	if runs {
		<-l.done
	}
	return err
}

func (l *loop) run() {
	defer close(l.done)
	events := make([]unix.EpollEvent, maxEvents)
	buf := make([]byte, readBufferSize)
	for {
		n, err := l.wait(events)
		switch {
		case err != nil && l.over.Load():
			return
		case err != nil:
			l.log.Error("an event loop has ended; its connections hear nothing any more", "err", err)
			return
		}
		for i := range events[:n] {
			l.handle(&events[i], buf)
		}
	}
}

// wait returns how many events there are, at least one.
func (l *loop) wait(events []unix.EpollEvent) (n int, err error) {
	var failed error
	err = l.raw.Read(func(fd uintptr) bool {
		for {
			n, failed = unix.EpollWait(int(fd), events, 0)
			if !errors.Is(failed, unix.EINTR) {
				return n != 0
			}
		}
	})
	if err == nil {
		err = os.NewSyscallError("epoll_wait", failed)
	}
	return n, err
}

func (l *loop) handle(e *unix.EpollEvent, buf []byte) {
	c, ok := l.all.find(idOf(e)).(*conn)
	if !ok {
		return // of before it was closed
	}
	if e.Events&unix.EPOLLOUT != 0 {
		c.writable()
	}
	if e.Events&^unix.EPOLLOUT != 0 {
		c.readable(buf)
	}
}

// The id of a Socket travels in what epoll hands back.

func setID(e *unix.EpollEvent, id uint64) { e.Fd, e.Pad = int32(uint32(id)), int32(uint32(id>>32)) }

func idOf(e *unix.EpollEvent) uint64 { return uint64(uint32(e.Pad))<<32 | uint64(uint32(e.Fd)) }
