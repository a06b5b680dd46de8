package load

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

// ServeFloor plays the server with the least work possible, on a loopback port
// that it tells as the first line on ready. It ends with the context, or when
// quit, the standard input of its process, ends.
func ServeFloor(ctx context.Context, ready io.Writer, quit io.Reader) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f, err := newFloorLoop()
	if err != nil {
		return err
	}
	defer f.close()
	stop := context.AfterFunc(ctx, f.stop)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, quit)
		f.stop()
	}()
	if _, err := fmt.Fprintf(ready, "%s127.0.0.1:%d\n", floorReady, f.port); err != nil {
		return fmt.Errorf("tell the address: %w", err)
	}
	return f.run()
}

const (
	floorHead   = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\nretry: 3000\n\n"
	floorHello  = "event: counts\ndata: {\"type\":\"counts\",\"counts\":{\"unread\":0,\"unseen\":0,\"rev\":0}}\n\n"
	floorBefore = "id: AAAAAAAAAAAAAAAAAAAAAAAA\nevent: message\ndata: {\"type\":\"message\",\"cursor\":\"AAAAAAAAAAAAAAAAAAAAAAAA\",\"message\":"
	floorAfter  = ",\"counts\":{\"unread\":0,\"unseen\":0,\"by_category\":{},\"rev\":0}}\n\n"
	floorResult = `{"id":"00000000-0000-7000-8000-000000000000","rev":0,"counts":{"unread":0,"unseen":0,"by_category":{},"rev":0},"outcome":"delivered"}`
	floorCounts = `{"unread":0,"unseen":0,"by_category":{},"rev":0}`
)

type floorConn struct {
	fd  int
	cut []byte
}

// A floorLoop is one epoll and all its sockets.
type floorLoop struct {
	epoll, listener, wake int
	port                  int
	conns                 map[int32]*floorConn
	streams               map[string][]int
	all                   []int
	buf                   [64 << 10]byte
	out, frame            []byte
}

func newFloorLoop() (*floorLoop, error) {
	f := &floorLoop{epoll: -1, listener: -1, wake: -1, conns: map[int32]*floorConn{}, streams: map[string][]int{}}
	var err error
	if f.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if f.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err == nil {
		f.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	}
	if err == nil {
		err = unix.Bind(f.listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(f.listener, 4096)
	}
	if err == nil {
		err = errors.Join(f.add(f.wake), f.add(f.listener))
	}
	if err != nil {
		f.close()
		return nil, fmt.Errorf("listen: %w", err)
	}
	name, err := unix.Getsockname(f.listener)
	if err != nil {
		f.close()
		return nil, os.NewSyscallError("getsockname", err)
	}
	f.port = name.(*unix.SockaddrInet4).Port
	return f, nil
}

func (f *floorLoop) add(fd int) error {
	return unix.EpollCtl(f.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (f *floorLoop) stop() { _, _ = unix.Write(f.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func (f *floorLoop) close() {
	for _, c := range f.conns {
		unix.Close(c.fd)
	}
	for _, fd := range []int{f.listener, f.wake, f.epoll} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func (f *floorLoop) run() error {
	var events [512]unix.EpollEvent
	for {
		n, err := unix.EpollWait(f.epoll, events[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("epoll_wait", err)
		}
		for i := range max(n, 0) {
			switch fd := events[i].Fd; {
			case int(fd) == f.wake:
				return nil
			case int(fd) == f.listener:
				f.accept()
			default:
				if c := f.conns[fd]; c != nil && !f.serve(c) {
					f.drop(c)
				}
			}
		}
	}
}

func (f *floorLoop) accept() {
	for {
		fd, _, err := unix.Accept4(f.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if f.add(fd) != nil {
			unix.Close(fd)
			continue
		}
		f.conns[int32(fd)] = &floorConn{fd: fd}
	}
}

// drop forgets a socket. That a stream of it may still be written to does no
// harm: streams end with the run.
func (f *floorLoop) drop(c *floorConn) {
	unix.Close(c.fd)
	delete(f.conns, int32(c.fd))
}

// serve reads once and answers the whole requests.
func (f *floorLoop) serve(c *floorConn) bool {
	n, err := unix.Read(c.fd, f.buf[:])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return true
	}
	if n <= 0 {
		return false
	}
	b := f.buf[:n]
	if len(c.cut) > 0 {
		c.cut = append(c.cut, b...)
		b = c.cut
	}
	f.out = f.out[:0]
	for {
		head := bytes.Index(b, []byte("\r\n\r\n"))
		if head < 0 {
			break
		}
		size := 0
		if i := bytes.Index(b[:head], []byte("Content-Length: ")); i >= 0 {
			size = leadingInt(b[i+len("Content-Length: ") : head])
		}
		end := head + 4 + size
		if len(b) < end {
			break
		}
		f.request(c, b[:head], b[head+4:end])
		b = b[end:]
	}
	if c.cut = append([]byte(nil), b...); len(b) == 0 {
		c.cut = nil
	}
	if len(f.out) > 0 {
		_, _ = unix.Write(c.fd, f.out)
	}
	return true
}

func leadingInt(b []byte) (n int) {
	for _, d := range b {
		if d < '0' || d > '9' {
			break
		}
		n = n*10 + int(d-'0')
	}
	return n
}

// request serves one request; its answer is appended to out.
func (f *floorLoop) request(c *floorConn, head, body []byte) {
	path := head[bytes.IndexByte(head, ' ')+1:]
	path = path[:max(0, bytes.IndexByte(path, ' '))]
	if path, ok := bytes.CutPrefix(path, []byte("/v1/users/")); ok {
		name, what, _ := bytes.Cut(path, []byte{'/'})
		what, _, _ = bytes.Cut(what, []byte{'?'})
		switch string(what) {
		case "messages":
			f.write(f.streams[string(name)], body)
			f.answer("201 Created", floorResult)
		case "counts":
			f.answer("200 OK", floorCounts)
		case "stream":
			f.streams[string(name)] = append(f.streams[string(name)], c.fd)
			f.all = append(f.all, c.fd)
			f.out = append(append(f.out, floorHead...), floorHello...)
		}
		return
	}
	if bytes.HasSuffix(path, []byte("/batch")) {
		for line := range bytes.Lines(body) {
			_, name, _ := bytes.Cut(line, []byte(`"user":"`))
			name, _, _ = bytes.Cut(name, []byte{'"'})
			f.write(f.streams[string(name)], bytes.TrimSpace(line))
		}
		f.answer("200 OK", string(bytes.Repeat([]byte(floorResult+"\n"), bytes.Count(body, []byte{'\n'}))))
		return
	}
	f.write(f.all, body)
	f.answer("202 Accepted", floorResult)
}

// write sends one frame to each socket.
func (f *floorLoop) write(fds []int, message []byte) {
	if len(fds) == 0 {
		return
	}
	f.frame = append(append(append(f.frame[:0], floorBefore...), message...), floorAfter...)
	for _, fd := range fds {
		_, _ = unix.Write(fd, f.frame)
	}
}

func (f *floorLoop) answer(status, body string) {
	f.out = append(append(f.out, "HTTP/1.1 "...), status...)
	f.out = append(f.out, "\r\nContent-Type: application/json\r\nContent-Length: "...)
	f.out = strconv.AppendInt(f.out, int64(len(body)), 10)
	f.out = append(append(f.out, "\r\n\r\n"...), body...)
}
