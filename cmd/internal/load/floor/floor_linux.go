package floor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Serve plays the server with the least work possible, on a loopback port
// that it tells as the first line on ready. It ends with the context, or when
// quit, the standard input of its process, ends.
func Serve(ctx context.Context, ready io.Writer, quit io.Reader) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l, err := newLoop()
	if err != nil {
		return err
	}
	defer l.close()
	stop := context.AfterFunc(ctx, l.stop)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, quit)
		l.stop()
	}()
	if _, err := fmt.Fprintf(ready, "%s127.0.0.1:%d\n", Ready, l.port); err != nil {
		return fmt.Errorf("tell the address: %w", err)
	}
	return l.run()
}

const (
	streamHead    = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\nretry: 3000\n\n"
	streamHello   = "event: counts\ndata: {\"type\":\"counts\",\"counts\":{\"unread\":0,\"unseen\":0,\"rev\":0}}\n\n"
	beforeMessage = "id: AAAAAAAAAAAAAAAAAAAAAAAA\nevent: message\ndata: {\"type\":\"message\",\"cursor\":\"AAAAAAAAAAAAAAAAAAAAAAAA\",\"message\":"
	afterMessage  = ",\"counts\":{\"unread\":0,\"unseen\":0,\"by_category\":{},\"rev\":0}}\n\n"
	published     = `{"id":"00000000-0000-7000-8000-000000000000","rev":0,"counts":{"unread":0,"unseen":0,"by_category":{},"rev":0},"outcome":"delivered"}`
	noCounts      = `{"unread":0,"unseen":0,"by_category":{},"rev":0}`
)

type client struct {
	fd  int
	cut []byte
}

// A loop is one epoll and all its sockets.
type loop struct {
	epoll, listener, wake int
	port                  int
	conns                 map[int32]*client
	streams               map[string][]int
	all                   []int
	buf                   [64 << 10]byte
	out, frame            []byte
}

func newLoop() (*loop, error) {
	l := &loop{epoll: -1, listener: -1, wake: -1, conns: map[int32]*client{}, streams: map[string][]int{}}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err == nil {
		l.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	}
	if err == nil {
		err = unix.Bind(l.listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(l.listener, 4096)
	}
	if err == nil {
		err = errors.Join(l.add(l.wake), l.add(l.listener))
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("listen: %w", err)
	}
	name, err := unix.Getsockname(l.listener)
	if err != nil {
		l.close()
		return nil, os.NewSyscallError("getsockname", err)
	}
	l.port = name.(*unix.SockaddrInet4).Port
	return l, nil
}

func (l *loop) add(fd int) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (l *loop) stop() { _, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func (l *loop) close() {
	for _, c := range l.conns {
		unix.Close(c.fd)
	}
	for _, fd := range []int{l.listener, l.wake, l.epoll} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func (l *loop) run() error {
	var events [512]unix.EpollEvent
	for {
		n, err := unix.EpollWait(l.epoll, events[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("epoll_wait", err)
		}
		for i := range max(n, 0) {
			switch fd := events[i].Fd; {
			case int(fd) == l.wake:
				return nil
			case int(fd) == l.listener:
				l.accept()
			default:
				if c := l.conns[fd]; c != nil && !l.serve(c) {
					l.drop(c)
				}
			}
		}
	}
}

func (l *loop) accept() {
	for {
		fd, _, err := unix.Accept4(l.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if l.add(fd) != nil {
			unix.Close(fd)
			continue
		}
		l.conns[int32(fd)] = &client{fd: fd}
	}
}

// drop forgets a socket. That a stream of it may still be written to does no
// harm: streams end with the run.
func (l *loop) drop(c *client) {
	unix.Close(c.fd)
	delete(l.conns, int32(c.fd))
}

// serve reads once and answers the whole requests.
func (l *loop) serve(c *client) bool {
	n, err := unix.Read(c.fd, l.buf[:])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return true
	}
	if n <= 0 {
		return false
	}
	b := l.buf[:n]
	if len(c.cut) > 0 {
		c.cut = append(c.cut, b...)
		b = c.cut
	}
	l.out = l.out[:0]
	for {
		head, body, rest, err := cutRequest(b)
		if err != nil {
			return false
		}
		if head == nil {
			break
		}
		l.request(c, head, body)
		b = rest
	}
	if c.cut = append([]byte(nil), b...); len(b) == 0 {
		c.cut = nil
	}
	if len(l.out) > 0 {
		_, _ = unix.Write(c.fd, l.out)
	}
	return true
}

// request serves one request; its answer is appended to out.
func (l *loop) request(c *client, head, body []byte) {
	path := head[bytes.IndexByte(head, ' ')+1:]
	path = path[:max(0, bytes.IndexByte(path, ' '))]
	if path, ok := bytes.CutPrefix(path, []byte("/v1/users/")); ok {
		name, what, _ := bytes.Cut(path, []byte{'/'})
		what, _, _ = bytes.Cut(what, []byte{'?'})
		switch string(what) {
		case "messages":
			l.write(l.streams[string(name)], body)
			l.answer("201 Created", published)
		case "counts":
			l.answer("200 OK", noCounts)
		case "stream":
			l.streams[string(name)] = append(l.streams[string(name)], c.fd)
			l.all = append(l.all, c.fd)
			l.out = append(append(l.out, streamHead...), streamHello...)
		}
		return
	}
	if bytes.HasSuffix(path, []byte("/batch")) {
		for line := range bytes.Lines(body) {
			_, name, _ := bytes.Cut(line, []byte(`"user":"`))
			name, _, _ = bytes.Cut(name, []byte{'"'})
			l.write(l.streams[string(name)], bytes.TrimSpace(line))
		}
		l.answer("200 OK", string(bytes.Repeat([]byte(published+"\n"), bytes.Count(body, []byte{'\n'}))))
		return
	}
	l.write(l.all, body)
	l.answer("202 Accepted", published)
}

// write sends one frame to each socket.
func (l *loop) write(fds []int, message []byte) {
	if len(fds) == 0 {
		return
	}
	l.frame = append(append(append(l.frame[:0], beforeMessage...), message...), afterMessage...)
	for _, fd := range fds {
		_, _ = unix.Write(fd, l.frame)
	}
}

func (l *loop) answer(status, body string) {
	l.out = append(append(l.out, "HTTP/1.1 "...), status...)
	l.out = append(l.out, "\r\nContent-Type: application/json\r\nContent-Length: "...)
	l.out = strconv.AppendInt(l.out, int64(len(body)), 10)
	l.out = append(append(l.out, "\r\n\r\n"...), body...)
}
