package transports_test

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/longpoll"
)

// TestTranscripts plays the stories in testdata against a server, over real
// sockets. A line is
//
//	> text     what the client sends, with CRLF
//	< pattern  the line that the server must send next; * stands for anything
//	<eof       the server must close
//	! action   what else happens: publish TEXT, topic TOPIC TEXT, end WHY, beat, drain, hangup
//	= new      the client connects anew
//	= ws       from here on > and < are frames: text T, ping T, pong T,
//	           close CODE REASON; > hex BYTES sends raw bytes
//
// {n} stands for the cursor after event n, #n for the id of message n.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			everyKind(t, func(t *testing.T, kind string) {
				t.Parallel()
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				p := &player{t: t, file: file, world: newWorld(t, worldConfig{kind: kind,
					limits: transports.Limits{MaxFrame: 1000, Subscriptions: 5}, wait: longpoll.Config{Timeout: 300 * time.Millisecond}})}
				p.connect()
				for i, line := range strings.Split(string(text), "\n") {
					p.line = i + 1
					p.play(expand(line))
				}
			})
		})
	}
}

// everyKind runs the test with each kind of wire.
func everyKind(t *testing.T, test func(t *testing.T, kind string)) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) { test(t, kind) })
	}
}

type player struct {
	t     *testing.T
	file  string
	line  int
	world *world
	conn  io.ReadWriteCloser
	in    *bufio.Reader
	ws    bool
}

func (p *player) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s:%d: %s", p.file, p.line, fmt.Sprintf(format, args...))
}

func (p *player) connect() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
	p.conn = p.world.dial(p.t)
	p.in = bufio.NewReader(p.conn)
	p.ws = false
}

var placeholder = regexp.MustCompile(`\{\d+\}|#\d+`)

func expand(line string) string {
	if strings.HasPrefix(line, "#") {
		return ""
	}
	return placeholder.ReplaceAllStringFunc(line, func(s string) string {
		n, _ := strconv.Atoi(strings.Trim(s, "{}#"))
		if s[0] == '#' {
			return messageID(n).String()
		}
		return cursor(n).String()
	})
}

func (p *player) play(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	if verb == "<" {
		rest = strings.ReplaceAll(rest, "http://reddot", p.world.scheme+"://reddot") // the server's own origin
	}
	switch {
	case verb == "":
	case verb == ">" && p.ws:
		p.sendFrame(rest)
	case verb == ">":
		if _, err := p.conn.Write([]byte(rest + "\r\n")); err != nil {
			p.fail("send: %v", err)
		}
	case verb == "<" && p.ws:
		p.wantLine(p.readFrame(), rest)
	case verb == "<":
		got, err := p.in.ReadString('\n')
		if err != nil {
			p.fail("got %q and %v, want %q", got, err, rest)
		}
		p.wantLine(strings.TrimRight(got, "\r\n"), rest)
	case verb == "<eof":
		if b, err := io.ReadAll(p.in); err != nil || len(b) > 0 {
			p.fail("got %q and %v, want the end", b, err)
		}
	case verb == "!":
		p.act(rest)
	case line == "= ws":
		p.ws = true
	case line == "= new":
		p.connect()
	default:
		p.fail("what is %q?", line)
	}
}

func (p *player) wantLine(got, pattern string) {
	p.t.Helper()
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	if !regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(got) {
		p.fail("got  %s\nwant %s", got, pattern)
	}
}

func (p *player) act(action string) {
	verb, rest, _ := strings.Cut(action, " ")
	switch verb {
	case "publish":
		text, err := strconv.Unquote(`"` + rest + `"`)
		if err != nil {
			p.fail("%v", err)
		}
		p.world.user.publish(text)
	case "topic": // TOPIC PAYLOAD
		topic, text, _ := strings.Cut(rest, " ")
		payload, err := strconv.Unquote(`"` + text + `"`)
		if err != nil {
			p.fail("%v", err)
		}
		p.world.user.topics.Publish(&actors.TopicMessage{App: "default", Topic: topic, Payload: []byte(payload)}, nil)
	case "attached":
		p.world.attached(p.t, 1)
	case "beat":
		p.world.user.beat()
	case "end":
		p.world.user.end(map[string]actors.End{"slow": actors.EndSlow, "token": actors.EndToken, "forbidden": actors.EndForbidden,
			"disconnected": actors.EndDisconnected, "many": actors.EndTooMany, "replaced": actors.EndReplaced,
			"failed": actors.EndFailed, "drain": actors.EndDrain}[rest])
	case "refuse":
		p.world.user.mu.Lock()
		p.world.user.refuse = actors.EndTooMany
		p.world.user.mu.Unlock()
	default:
		p.fail("what is %q?", action)
	}
}

var opcodes = map[string]byte{"more": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}

// sendFrame sends a masked frame. "text+" leaves the message open.
func (p *player) sendFrame(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	var b []byte
	if verb == "hex" {
		var err error
		if b, err = hex.DecodeString(strings.ReplaceAll(rest, " ", "")); err != nil {
			p.fail("%v", err)
		}
	} else {
		payload := []byte(rest)
		if verb == "close" && rest != "" {
			code, reason, _ := strings.Cut(rest, " ")
			n, err := strconv.ParseUint(code, 10, 16)
			if err != nil {
				p.fail("%v", err)
			}
			payload = append(binary.BigEndian.AppendUint16(nil, uint16(n)), reason...)
		}
		if verb == "big" {
			verb, payload = "text", make([]byte, len(rest)*1000)
		}
		name, open := strings.CutSuffix(verb, "+")
		b = clientFrame(opcodes[name], !open, payload)
	}
	if _, err := p.conn.Write(b); err != nil {
		p.fail("send: %v", err)
	}
}

// clientFrame returns a masked frame.
func clientFrame(opcode byte, fin bool, payload []byte) []byte {
	b := []byte{opcode, 0x80}
	if fin {
		b[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b[1] |= byte(n)
	case n < 1<<16:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i&3])
	}
	return b
}

// readFrame reads a frame of the server and returns it as a line.
func (p *player) readFrame() string {
	op, payload, err := readServerFrame(p.in)
	if err != nil {
		p.fail("%v", err)
	}
	for name, o := range opcodes {
		if o != op {
			continue
		}
		if name == "close" && len(payload) >= 2 {
			return strings.TrimSpace(fmt.Sprintf("close %d %s", binary.BigEndian.Uint16(payload), payload[2:]))
		}
		return strings.TrimSpace(name + " " + string(payload))
	}
	return fmt.Sprintf("opcode %d", op)
}

// readServerFrame reads an unmasked, unfragmented frame.
func readServerFrame(in *bufio.Reader) (opcode byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, fmt.Errorf("head of a frame: %w", err)
	}
	n := uint64(head[1])
	if n == 126 || n == 127 {
		ext := make([]byte, map[uint64]int{126: 2, 127: 8}[n])
		if _, err := io.ReadFull(in, ext); err != nil {
			return 0, nil, err
		}
		n = 0
		for _, b := range ext {
			n = n<<8 | uint64(b)
		}
	}
	if head[0]&0xF0 != 0x80 || head[1]&0x80 != 0 || n > 1<<24 {
		return 0, nil, fmt.Errorf("bad head % x", head)
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(in, payload)
	return head[0] & 0x0F, payload, err
}
