package load

import (
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"

	"reddot/cmd/internal/load/mqtt"
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
	var f mqtt.Framer
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
		_ = f.Feed(buf[:n], func(first byte, body []byte) error {
			switch first >> 4 {
			case mqtt.Connect: // the client identifier, and then the user
				rest := body[10:]
				rest = rest[2+binary.BigEndian.Uint16(rest):]
				user = string(rest[2 : 2+binary.BigEndian.Uint16(rest)])
				_, _ = c.Write([]byte{mqtt.Connack << 4, 2, 0, 0})
			case mqtt.Publish:
				s.mqttTopic(c, first, body)
			case mqtt.Subscribe:
				granted := byte(0x80)
				if filter := string(body[4 : len(body)-1]); strings.HasPrefix(filter, "bench-") {
					granted = body[len(body)-1]
					s.mu.Lock()
					s.clients[filter] = append(s.clients[filter], mqttSub{c, int(granted)})
					s.mu.Unlock()
					_, _ = c.Write([]byte{mqtt.Suback << 4, 3, body[0], body[1], granted})
					return nil
				}
				if strings.HasSuffix(string(body[4:len(body)-1]), "/events") {
					granted, subscribed = body[len(body)-1], true
					s.mu.Lock()
					s.user(user).subs[sub] = true
					s.mu.Unlock()
				}
				_, _ = c.Write([]byte{mqtt.Suback << 4, 3, body[0], body[1], granted})
				go s.mqttEvents(c, sub, int(granted))
			case mqtt.Pingreq:
				_, _ = c.Write([]byte{mqtt.Pingresp << 4, 0})
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
		if _, err := c.Write(mqtt.AppendPublish(nil, []byte(eventsTopic), []byte(e.json), qos, max(1, id))); err != nil {
			return
		}
	}
}

// mqttSub is a client that is subscribed to a topic.
type mqttSub struct {
	net.Conn
	qos int
}

// mqttTopic gives a message to those who are subscribed, with the stand-in's
// fault in every tenth, and acknowledges it.
func (s *standIn) mqttTopic(c net.Conn, first byte, body []byte) {
	p, err := mqtt.ParsePublish(first, body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	times := 1
	if s.nth++; s.nth%10 == 0 {
		switch s.fault {
		case "loses":
			times = 0
		case "doubles":
			times = 2
		case "swaps": // it goes out behind the next one
			s.held = append([]byte(nil), p.Payload...)
			times = 0
		}
	}
	payloads := [][]byte{p.Payload}
	if s.nth%10 == 1 && s.held != nil {
		payloads, s.held = append(payloads, s.held), nil
	}
	for _, sub := range s.clients[string(p.Topic)] {
		for range times {
			for _, payload := range payloads {
				_, _ = sub.Write(mqtt.AppendPublish(nil, p.Topic, payload, sub.qos, 1))
			}
		}
	}
	if p.ID != 0 {
		_, _ = c.Write(mqtt.AppendPuback(nil, p.ID))
	}
}
