package mqtt_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"reddot/transports"
	"reddot/transports/mqtt"
	"reddot/transports/mqtt/packet"
)

// TestTranscripts plays the stories in testdata against a server, over real
// sockets. A line is
//
//	a> PACKET         what the client a sends; it connects with its first one
//	a> hex BYTES      raw bytes
//	a< PACKET         what it must get next; * stands for anything
//	a<eof             the server must close
//	! speaks a 5      a speaks MQTT 5 (or 4), though it sends no CONNECT that says so
//	! cut a           a's connection is cut without a word
//	! away USER CLIENT    wait until the session knows that it has no connection
//	! ended USER CLIENT   wait until there is no such session
//	! publish USER TITLE  a message for the user's inbox
//	! pass DURATION       time goes by
//	! records fail|work  records cannot be written; they can
//	! crash SETTING…  the server crashes and starts again, with other settings
//	= SETTING…        those with which it starts: Field=value of mqtt.Config,
//	                  limits.Field=value of actors.Limits, gate.Field=value of
//	                  transports.Limits, anonymous=FILTER,FILTER for anybody
//	                  without a token instead of dev mode; grace=DURATION is
//	                  actors.Home.Grace
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		for _, way := range ways {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+" by "+way, func(t *testing.T) {
				t.Parallel()
				playFile(t, file, way)
			})
		}
	}
}

// ways are how clients come.
var ways = []string{"tcp", "websocket", "tls"}

// by lets the world's clients come so.
func by(way string) func(*world) {
	return func(w *world) { w.framed, w.secure = way == "websocket", way == "tls" }
}

func playFile(t *testing.T, file, way string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cfg := mqtt.Config{RefusedFilters: []string{"refused"}, ReceiveMaximum: 3, KeepAlive: time.Minute}
	lines := strings.Split(string(text), "\n")
	p := &player{t: t, file: file, clients: map[string]*client{}, world: newWorld(t, cfg, by(way), func(w *world) {
		for _, line := range lines {
			if settings, ok := strings.CutPrefix(line, "= "); ok {
				set(t, w, strings.Fields(settings))
			}
		}
	})}
	for i, line := range lines {
		if p.line = i + 1; line != "" && line[0] != '#' && line[0] != '=' {
			p.play(line)
		}
	}
}

// set changes settings of a world that does not run.
func set(t *testing.T, w *world, settings []string) {
	t.Helper()
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		if name == "anonymous" {
			w.cfg.Anonymous, w.cfg.AnonymousTopics = true, strings.Split(value, ",")
			w.access = func(g *transports.Gate) mqtt.Access { return mqtt.Access{Gate: g} }
			continue
		}
		if name == "grace" {
			d, err := time.ParseDuration(value)
			if err != nil {
				t.Fatal(err)
			}
			w.grace = d
			continue
		}
		of := reflect.ValueOf(&w.cfg)
		if rest, ok := strings.CutPrefix(name, "limits."); ok {
			name, of = rest, reflect.ValueOf(&w.limits)
		} else if rest, ok := strings.CutPrefix(name, "gate."); ok {
			name, of = rest, reflect.ValueOf(&w.gate)
		}
		var err error
		switch f := of.Elem().FieldByName(name); {
		case !f.IsValid():
			t.Fatalf("there is no setting %q", setting)
		case f.Type() == reflect.TypeFor[time.Duration]():
			var d time.Duration
			d, err = time.ParseDuration(value)
			f.SetInt(int64(d))
		case f.CanFloat():
			var x float64
			x, err = strconv.ParseFloat(value, 64)
			f.SetFloat(x)
		default:
			f.SetInt(int64(number(t, value)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

type player struct {
	t       *testing.T
	file    string
	line    int
	world   *world
	clients map[string]*client
}

func (p *player) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s:%d: %s", p.file, p.line, fmt.Sprintf(format, args...))
}

func (p *player) play(line string) {
	p.t.Helper()
	if action, ok := strings.CutPrefix(line, "! "); ok {
		p.act(strings.Fields(action))
		return
	}
	i := strings.IndexAny(line, "<>")
	if i < 0 {
		p.fail("what is %q?", line)
	}
	name, rest := line[:i], strings.TrimSpace(line[i+1:])
	c := p.clients[name]
	if c == nil {
		c = p.world.dial()
		p.clients[name] = c
	}
	switch {
	case line[i] == '>' && strings.HasPrefix(rest, "hex "):
		var b []byte
		if _, err := fmt.Sscanf(strings.ReplaceAll(rest[4:], " ", ""), "%x", &b); err != nil {
			p.fail("%v", err)
		}
		c.write(b)
	case line[i] == '>':
		c.send(parse(p.t, rest))
	case rest == "eof":
		if got := c.read(); got != nil {
			p.fail("got  %s\nwant the end", format(got))
		}
		_ = c.conn.Close()
		delete(p.clients, name)
	default:
		got := "the end"
		if packet := c.read(); packet != nil {
			got = format(packet)
		}
		parts := strings.Split(rest, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		if !regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(got) {
			p.fail("\ngot  %s\nwant %s", got, rest)
		}
	}
}

func (p *player) act(words []string) {
	p.t.Helper()
	switch words[0] {
	case "speaks":
		c := p.world.dial()
		c.version = packet.Version(number(p.t, words[2]))
		p.clients[words[1]] = c
	case "cut":
		_ = p.clients[words[1]].conn.Close()
		delete(p.clients, words[1])
	case "away":
		until(p.t, strings.Join(words, " "), func() bool {
			s, there := p.world.session(words[1], words[2])
			return there && !s.Connected
		})
	case "ended":
		until(p.t, strings.Join(words, " "), func() bool {
			p.world.node.Fire()
			_, there := p.world.session(words[1], words[2])
			return !there
		})
	case "publish":
		p.world.publish(words[1], strings.Join(words[2:], " "))
	case "pass":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			p.fail("%v", err)
		}
		p.world.clock.Advance(d)
	case "records":
		var err error
		if words[1] == "fail" {
			err = errors.New("no records can be written")
		}
		p.world.journal.FailRecords(err)
	case "crash":
		for name, c := range p.clients {
			_ = c.conn.Close()
			delete(p.clients, name)
		}
		p.world.crash()
		set(p.t, p.world, words[1:])
		p.world.start()
	default:
		p.fail("what is %q?", words[0])
	}
}
