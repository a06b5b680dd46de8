package load

import (
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"
)

// serveMQTT has the stand-in tell its users' events by MQTT, too, and returns
// its URL.
func (s *standIn) serveMQTT(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	t.Cleanup(func() { _ = l.Close() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.mqttClient(c) })
		}
	})
	return "mqtt://" + l.Addr().String()
}

// mqttClient serves one client, which subscribes to its events alone.
func (s *standIn) mqttClient(c net.Conn) {
	defer c.Close()
	var f mqttFramer
	user, subscribed := "", false
	sub := &standInSub{ch: make(chan standInEvent, 10_000)}
	buf := make([]byte, 4096)
	defer func() {
		if subscribed {
			s.detach(user, sub)
		}
	}()
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		_ = f.feed(buf[:n], func(first byte, body []byte) error {
			switch first >> 4 {
			case mqttConnect: // the client identifier, and then the user
				rest := body[10:]
				rest = rest[2+binary.BigEndian.Uint16(rest):]
				user = string(rest[2 : 2+binary.BigEndian.Uint16(rest)])
				_, _ = c.Write([]byte{mqttConnack << 4, 2, 0, 0})
			case mqttSubscribe:
				granted := byte(0x80)
				if strings.HasSuffix(string(body[4:len(body)-1]), "/events") {
					granted, subscribed = body[len(body)-1], true
					s.mu.Lock()
					s.user(user).subs[sub] = true
					s.mu.Unlock()
				}
				_, _ = c.Write([]byte{mqttSuback << 4, 3, body[0], body[1], granted})
				go s.mqttEvents(c, sub, int(granted))
			case mqttPingreq:
				_, _ = c.Write([]byte{mqttPingresp << 4, 0})
			}
			return nil
		})
	}
}

func (s *standIn) mqttEvents(c net.Conn, sub *standInSub, qos int) {
	for id := uint16(1); ; id++ {
		e, ok := <-sub.ch
		if !ok {
			_ = c.Close()
			return
		}
		if _, err := c.Write(appendPublish(nil, []byte(eventsTopic), []byte(e.json), qos, max(1, id))); err != nil {
			return
		}
	}
}
