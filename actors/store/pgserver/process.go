package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// A process ends when its life is closed, or this program is gone.
type process struct {
	cmd  *exec.Cmd
	life io.Closer
}

// supervise runs a program until its own standard input ends, and then sends
// the program a signal.
const supervise = `signal=$1; shift; "$@" & program=$!; cat >/dev/null; kill -"$signal" "$program" 2>/dev/null; wait "$program"`

// start starts a program that is ended by a signal, as somebody, in a folder.
func start(as *syscall.SysProcAttr, dir string, log *os.File, signal, program string, args ...string) (*process, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", supervise, "sh", signal, program}, args...)...) //nolint:gosec // G204: the system's own
	cmd.Dir, cmd.SysProcAttr = dir, as
	cmd.Stdout, cmd.Stderr = log, log
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd, life}, nil
}

// end ends the program and waits for it.
func (p *process) end() error { return errors.Join(p.life.Close(), ended(p.cmd.Wait())) }

// ended takes a program's exit for what it is: its status says how it was ended.
func ended(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// reached waits until somebody listens on a port.
func reached(ctx context.Context, port int) error {
	for {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nobody listens on port %d: %w", port, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// FreePort returns a port of 127.0.0.1 for a server of a test, which may end and
// take it again. It is below those that systems give away by themselves, so that
// nobody gets it meanwhile who asks for any.
func FreePort() (int, error) {
	var err error
	for range portTries {
		port := leastPort + rand.IntN(ports)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no port is free: %w", err)
}

const (
	leastPort = 10_000
	ports     = 20_000
	portTries = 1000
)

// givenPorts are those that this process has got.
var givenPorts sync.Map

// tcpURL names the database that is behind a port.
func tcpURL(port int, parameters []string) string {
	return withParameters(fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", name, port, database), parameters)
}

func withParameters(url string, parameters []string) string {
	for _, p := range parameters {
		url += "&" + p
	}
	return url
}
