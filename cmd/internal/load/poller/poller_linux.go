package poller

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// epoll is the poller of Linux: non-blocking sockets, no goroutine and no
// buffer a link, one blocking system call a round.
type epoll struct {
	fd, timer int
	armed     time.Time
	events    [512]unix.EpollEvent
	slots     []*epollLink
	free      []int32
	born      int32
	buf       [64 << 10]byte
}

const timerSlot = -1

// newEpoll opens an epoll and its timer.
func newEpoll() (Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: timerSlot}
	if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, timer, &ev); err != nil {
		unix.Close(fd)
		unix.Close(timer)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return &epoll{fd: fd, timer: timer}, nil
}

// Open implements Poller.
func (p *epoll) Open(from netip.Addr, to string, peer Peer) (Link, error) {
	dst, err := netip.ParseAddrPort(to)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", to, err)
	}
	family := unix.AF_INET
	if dst.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	fail := func(call string, err error) (Link, error) {
		unix.Close(fd)
		return nil, os.NewSyscallError(call, err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fail("setsockopt", err)
	}
	if from.IsValid() {
		// The port is chosen on connecting, so that addresses are shared well.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return fail("setsockopt", err)
		}
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0))); err != nil {
			return fail("bind", err)
		}
	}
	if err := unix.Connect(fd, sockaddr(dst)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fail("connect", err)
	}
	l := &epollLink{p: p, fd: fd, peer: peer, connecting: true, reading: true}
	p.put(l)
	if err := l.ctl(unix.EPOLL_CTL_ADD); err != nil {
		p.slots[l.slot] = nil
		return fail("epoll_ctl", err)
	}
	return l, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func (p *epoll) put(l *epollLink) {
	p.born++
	l.born = p.born
	if n := len(p.free); n > 0 {
		l.slot = p.free[n-1]
		p.free = p.free[:n-1]
		p.slots[l.slot] = l
		return
	}
	l.slot = int32(len(p.slots))
	p.slots = append(p.slots, l)
}

// Wait implements Poller.
func (p *epoll) Wait(until time.Time) error {
	timeout := -1
	if d := time.Until(until); d <= 0 {
		timeout = 0
	} else if !until.Equal(p.armed) {
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
		if err := unix.TimerfdSettime(p.timer, 0, &spec, nil); err != nil {
			return os.NewSyscallError("timerfd_settime", err)
		}
		p.armed = until
	}
	n, err := unix.EpollWait(p.fd, p.events[:], timeout)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("epoll_wait", err)
	}
	for i := range max(0, n) {
		ev := &p.events[i]
		if ev.Fd == timerSlot {
			p.armed = time.Time{}
			continue
		}
		// The slot may have a new owner since the round began.
		if l := p.slots[ev.Fd]; l != nil && l.born == ev.Pad {
			l.ready(ev.Events)
		}
	}
	return nil
}

// Close implements Poller.
func (p *epoll) Close() error {
	for _, l := range p.slots {
		if l != nil {
			l.Shut()
		}
	}
	return errors.Join(unix.Close(p.timer), unix.Close(p.fd))
}

type epollLink struct {
	p          *epoll
	peer       Peer
	out        []byte // what the socket did not take
	fd         int
	slot, born int32
	connecting bool
	reading    bool
	shutDown   bool
}

// ready serves the events of one round.
func (l *epollLink) ready(events uint32) {
	if l.connecting && events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		if n, err := unix.GetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || n != 0 {
			l.fail(os.NewSyscallError("connect", unix.Errno(n)))
			return
		}
		l.connecting = false
	}
	if events&unix.EPOLLOUT != 0 && !l.flush() {
		return
	}
	if events&(unix.EPOLLIN|unix.EPOLLERR|unix.EPOLLHUP) == 0 {
		return
	}
	n, err := unix.Read(l.fd, l.p.buf[:])
	switch {
	case n > 0:
		l.peer.Received(l.p.buf[:n])
	case n == 0 && err == nil:
		l.fail(io.EOF)
	case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
		l.fail(os.NewSyscallError("read", err))
	}
}

func (l *epollLink) Write(b []byte) {
	if l.shutDown {
		return
	}
	if l.connecting || len(l.out) > 0 {
		l.out = append(l.out, b...)
		return
	}
	n, err := unix.Write(l.fd, b)
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		return // reading tells
	}
	if n = max(0, n); n < len(b) {
		l.out = append(l.out, b[n:]...)
		_ = l.ctl(unix.EPOLL_CTL_MOD)
	}
}

// flush writes what was kept; false if the link failed.
func (l *epollLink) flush() bool {
	for len(l.out) > 0 {
		n, err := unix.Write(l.fd, l.out)
		if errors.Is(err, unix.EAGAIN) {
			return true
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			l.fail(os.NewSyscallError("write", err))
			return false
		}
		l.out = l.out[max(0, n):]
	}
	l.out = nil
	if err := l.ctl(unix.EPOLL_CTL_MOD); err != nil {
		l.fail(err)
		return false
	}
	return true
}

// ctl tells the kernel what the link waits for now.
func (l *epollLink) ctl(op int) error {
	ev := unix.EpollEvent{Fd: l.slot, Pad: l.born, Events: unix.EPOLLIN}
	if l.connecting || len(l.out) > 0 {
		ev.Events |= unix.EPOLLOUT
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.p.fd, op, l.fd, &ev))
}

// Pause takes the socket out of the epoll, which would tell of a hang-up
// without being asked.
func (l *epollLink) Pause() {
	if l.reading && !l.shutDown {
		l.reading = false
		_ = l.ctl(unix.EPOLL_CTL_DEL)
	}
}

// Resume implements Link.
func (l *epollLink) Resume() {
	if !l.reading && !l.shutDown {
		l.reading = true
		_ = l.ctl(unix.EPOLL_CTL_ADD)
	}
}

func (l *epollLink) fail(err error) {
	if !l.shutDown {
		l.Shut()
		l.peer.Closed(err)
	}
}

// Shut implements Link.
func (l *epollLink) Shut() {
	if l.shutDown {
		return
	}
	l.shutDown = true
	unix.Close(l.fd)
	l.p.slots[l.slot] = nil
	l.p.free = append(l.p.free, l.slot)
}
