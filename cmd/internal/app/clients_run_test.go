package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/r3labs/sse/v2"
)

// nodeClient is the program for npm's clients, beside which they are installed.
const nodeClient = "../../../transports/client/test/real.mjs"

// runNode starts a client of npm's.
func runNode(kind string) func(*testing.T, *foreignScreen, string) error {
	return func(t *testing.T, s *foreignScreen, url string) error {
		if !runs("node", "--version") {
			return errors.New("npm clients: there is no Node here")
		}
		if _, err := os.Stat("../../../transports/client/node_modules/eventsource"); err != nil {
			return errors.New("npm clients: they are not installed (make assets)")
		}
		return runClient(t, s, exec.Command("node", nodeClient, kind, url))
	}
}

// runPython starts python3-websockets by the Python that has it: Debian's
// package is for the system's.
func runPython(t *testing.T, s *foreignScreen, url string) error {
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if runs(python, "-c", "import websockets") {
			return runClient(t, s, exec.Command(python, "testdata/websockets_client.py", url))
		}
	}
	return errors.New("python3-websockets is not installed (apt-get install python3-websockets)")
}

// runClient starts a client that speaks in lines, until the test's end.
func runClient(t *testing.T, s *foreignScreen, cmd *exec.Cmd) error {
	if s.cert != "" { // for Node and for Python
		cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+s.cert, "SSL_CERT_FILE="+s.cert)
	}
	p, err := runProgram(t, s.name, cmd)
	if err != nil {
		return err
	}
	s.send = p.send
	go func() {
		defer close(s.lines)
		for line := range p.lines {
			var l said
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				l.Fault = fmt.Sprintf("said %q", line)
			}
			s.lines <- l
		}
	}()
	return nil
}

// A program says lines and takes lines.
type program struct {
	lines <-chan string // closed at its end
	send  func(line string)
}

// runProgram starts one that runs until the test's end.
func runProgram(t *testing.T, name string, cmd *exec.Cmd) (program, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return program{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return program{}, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return program{}, err
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := make(chan string)
	go func() {
		defer close(lines)
		r := bufio.NewReaderSize(out, 1<<20)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	return program{lines, func(line string) {
		if _, err := fmt.Fprintln(in, line); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}}, nil
}

// runCoder starts github.com/coder/websocket.
func runCoder(t *testing.T, s *foreignScreen, url string) error {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	sends := make(chan string)
	s.send = func(line string) { sends <- line }
	go func() {
		cursor := ""
		for ctx.Err() == nil {
			cursor = coderOnce(ctx, s, url, cursor, sends)
		}
	}()
	return nil
}

// coderOnce holds one connection, and returns how far it came.
func coderOnce(ctx context.Context, s *foreignScreen, url, cursor string, sends chan string) string {
	c, res, err := websocket.Dial(ctx, strings.Replace(url, "http", "ws", 1)+"/ws?after="+cursor,
		&websocket.DialOptions{Subprotocols: []string{"reddot.v1"}, CompressionMode: websocket.CompressionContextTakeover, CompressionThreshold: 1})
	if err != nil {
		time.Sleep(50 * time.Millisecond) // the server is down
		return cursor
	}
	defer func() { _ = c.CloseNow() }()
	c.SetReadLimit(1 << 20)
	extensions := res.Header.Get("Sec-WebSocket-Extensions")
	s.lines <- said{Open: &extensions, Protocol: c.Subprotocol()}
	over, end := context.WithCancel(ctx)
	defer end()
	go func() {
		for {
			select {
			case line := <-sends:
				_ = c.Write(over, websocket.MessageText, []byte(line))
			case <-over.Done():
				return
			}
		}
	}()
	for {
		_, text, err := c.Read(ctx)
		if err != nil {
			code := int(websocket.CloseStatus(err))
			s.lines <- said{Closed: &code}
			return cursor
		}
		l := said{Event: &clientEvent{}}
		if err := json.Unmarshal(text, l.Event); err != nil {
			l = said{Fault: fmt.Sprintf("%v in %s", err, text)}
		} else if l.Event.Cursor != "" {
			cursor = l.Event.Cursor
		}
		s.lines <- l
	}
}

// errGone is why a stream does not come back.
var errGone = errors.New("204: stay away")

// runR3Labs starts github.com/r3labs/sse, which tells an event by its id.
func runR3Labs(t *testing.T, s *foreignScreen, url string) error {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	c := sse.NewClient(url+"/stream", sse.ClientMaxBufferSize(1<<20))
	c.ReconnectStrategy = noRetry{}
	c.ResponseValidator = func(_ *sse.Client, res *http.Response) error {
		if res.StatusCode == http.StatusOK {
			extensions := ""
			s.lines <- said{Open: &extensions}
			return nil
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusNoContent {
			return errGone
		}
		return errors.New(res.Status)
	}
	go func() {
		for ctx.Err() == nil {
			err := c.SubscribeWithContext(ctx, "", func(m *sse.Event) { s.hear(m) })
			if errors.Is(err, errGone) {
				code := http.StatusNoContent
				s.lines <- said{Closed: &code}
				return
			}
			time.Sleep(50 * time.Millisecond) // as the library does, but not for so long
		}
	}()
	return nil
}

// hear takes an event of a stream in.
func (s *foreignScreen) hear(m *sse.Event) {
	if len(m.Data) == 0 {
		return // a comment, or retry
	}
	l := said{Event: &clientEvent{}}
	if err := json.Unmarshal(m.Data, l.Event); err != nil || l.Event.Type != string(m.Event) || l.Event.Cursor != "" && l.Event.Cursor != string(m.ID) {
		l.Fault = fmt.Sprintf("event %s, id %s, data %.200s: %v", m.Event, m.ID, m.Data, err)
	}
	s.lines <- l
}

// noRetry leaves the coming back to runR3Labs: the library takes a stream's end
// for its purpose.
type noRetry struct{}

func (noRetry) NextBackOff() time.Duration { return -1 }
func (noRetry) Reset()                     {}
