package app_test

import (
	"fmt"
	"slices"
	"testing"

	"reddot/cmd/internal/app"
	"reddot/transports/mqtt/packet"
)

// The server is killed behind each packet of QoS 1 and 2, in both directions:
// right after a client has sent one, without waiting for what it does, or when
// one has come.

// A keeper is a client that receives and outlives its connections, packet by
// packet.
type keeper struct {
	*stubborn
	t    *testing.T
	open []uint16 // received with QoS 2 and not released
	got  map[string]int
	acks bool // it answers by itself
	ends int
}

// next takes the next packet in, and answers it if it may.
func (k *keeper) next() packet.Packet {
	k.t.Helper()
	p, err := k.read()
	if err != nil {
		k.t.Fatal(err)
	}
	switch p := p.(type) {
	case *packet.Publish:
		if p.QoS < 2 {
			k.got[string(p.Payload)]++
		} else if !slices.Contains(k.open, p.ID) {
			k.open = append(k.open, p.ID)
			k.got[string(p.Payload)]++
		}
		if k.acks {
			k.answer(p)
		}
	case *packet.Pubrel:
		k.open = slices.DeleteFunc(k.open, func(id uint16) bool { return id == p.ID })
		if k.acks {
			k.answer(p)
		}
	}
	return p
}

// answer answers a packet. What can't be written any more is written again
// when the server is there again.
func (k *keeper) answer(p packet.Packet) {
	switch p := p.(type) {
	case *packet.Publish:
		switch p.QoS {
		case 1:
			_ = k.send(&packet.Puback{ID: p.ID})
		case 2:
			_ = k.send(&packet.Pubrec{ID: p.ID})
		}
	case *packet.Pubrel:
		_ = k.send(&packet.Pubcomp{ID: p.ID})
	}
}

// settle lets what is under way come to its end: a message that pub publishes
// behind it comes last. It has QoS 2, for one with QoS 1 may overtake one with
// QoS 2, which is written down before it is sent.
func (k *keeper) settle(pub *stubborn, topic string) {
	k.t.Helper()
	k.acks = true
	defer func() { k.acks = false }()
	pub.connect()
	k.ends++
	last := fmt.Sprint("end ", k.ends)
	pub.insist(&packet.Publish{QoS: 2, ID: 8, Topic: []byte(topic), Payload: []byte(last)}, packet.TypePubrec)
	pub.insist(&packet.Pubrel{ID: 8}, packet.TypePubcomp)
	for k.got[last] == 0 || len(k.open) > 0 {
		k.next()
	}
}

func (k *keeper) want(message string, least, most int) {
	k.t.Helper()
	if n := k.got[message]; n < least || n > most {
		k.t.Errorf("%s came %d times, want %d to %d", message, n, least, most)
	}
}

// steps is the server, and how it is killed.
type steps struct {
	*process
	addr string
}

func (s *steps) again(t *testing.T) {
	t.Helper()
	s.kill(t)
	s.start(t)
}

func startSteps(t *testing.T) *steps {
	t.Helper()
	addr := app.FreeAddr(t)
	s := &steps{newProcess(t, "REDDOT_MQTT_LISTEN="+addr), addr}
	s.start(t)
	return s
}

func (s *steps) keeper(t *testing.T, filter string, qos packet.QoS, password string) *keeper {
	t.Helper()
	k := &keeper{stubborn: &stubborn{addr: s.addr, id: "sub", password: password}, t: t, got: map[string]int{}}
	k.connect()
	k.insist(&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: []byte(filter), QoS: qos}}}, packet.TypeSuback)
	return k
}

// killRounds is how often each step is gone through: the moment in which the
// server dies is another each time.
const killRounds = 3

func TestMQTTKilledWhileItReceives(t *testing.T) {
	s := startSteps(t)
	sub := s.keeper(t, "in", 2, "")
	pub := &stubborn{addr: s.addr, id: "pub"}
	pub.connect()
	send := func(p packet.Packet) {
		if err := pub.send(p); err != nil {
			sub.t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name string
		qos  packet.QoS
		do   func(*packet.Publish)
	}{
		{"QoS 1, PUBLISH is sent", 1, func(p *packet.Publish) {
			send(p)
			s.again(t)
			pub.insist(p, packet.TypePuback)
		}},
		{"QoS 1, PUBACK has come", 1, func(p *packet.Publish) {
			pub.insist(p, packet.TypePuback)
			s.again(t)
		}},
		{"QoS 2, PUBLISH is sent", 2, func(p *packet.Publish) {
			send(p)
			s.again(t)
			pub.insist(p, packet.TypePubrec)
			pub.insist(&packet.Pubrel{ID: p.ID}, packet.TypePubcomp)
		}},
		{"QoS 2, PUBREC has come", 2, func(p *packet.Publish) {
			pub.insist(p, packet.TypePubrec)
			s.again(t)
			pub.insist(&packet.Pubrel{ID: p.ID}, packet.TypePubcomp)
		}},
		{"QoS 2, PUBREC was lost", 2, func(p *packet.Publish) {
			pub.insist(p, packet.TypePubrec)
			s.again(t)
			p.Dup = true
			pub.insist(p, packet.TypePubrec)
			pub.insist(&packet.Pubrel{ID: p.ID}, packet.TypePubcomp)
		}},
		{"QoS 2, PUBREL is sent", 2, func(p *packet.Publish) {
			pub.insist(p, packet.TypePubrec)
			send(&packet.Pubrel{ID: p.ID})
			s.again(t)
			pub.insist(&packet.Pubrel{ID: p.ID}, packet.TypePubcomp)
		}},
		{"QoS 2, PUBCOMP has come", 2, func(p *packet.Publish) {
			pub.insist(p, packet.TypePubrec)
			pub.insist(&packet.Pubrel{ID: p.ID}, packet.TypePubcomp)
			s.again(t)
		}},
	} {
		t.Run(step.name, func(t *testing.T) {
			sub.t = t
			for n := range killRounds {
				message := fmt.Sprint(step.name, " ", n)
				step.do(&packet.Publish{QoS: step.qos, ID: 7, Topic: []byte("in"), Payload: []byte(message)})
				sub.connect()
				sub.settle(pub, "in")
				if step.qos == 2 {
					sub.want(message, 1, 1)
				} else {
					sub.want(message, 1, 2)
				}
			}
		})
	}
}

func TestMQTTKilledWhileItSends(t *testing.T) {
	s := startSteps(t)
	sub := s.keeper(t, "out", 2, "")
	pub := &stubborn{addr: s.addr, id: "pub"}
	await := func(want packet.Type) packet.Packet {
		p := sub.next()
		if p.Type() != want {
			sub.t.Fatalf("got %v, want %v", p, want)
		}
		return p
	}
	for _, step := range []struct {
		name string
		qos  packet.QoS
		do   func()
		next packet.Type // what must come first on the next connection; 0: as it is
	}{
		{"QoS 1, PUBLISH has come", 1, func() { await(packet.TypePublish) }, packet.TypePublish},
		{"QoS 1, PUBACK is sent", 1, func() { sub.answer(await(packet.TypePublish)) }, 0},
		{"QoS 2, PUBLISH has come", 2, func() { await(packet.TypePublish) }, packet.TypePublish},
		{"QoS 2, PUBREC is sent", 2, func() { sub.answer(await(packet.TypePublish)) }, 0},
		{"QoS 2, PUBREL has come", 2, func() {
			sub.answer(await(packet.TypePublish))
			await(packet.TypePubrel)
		}, packet.TypePubrel},
		{"QoS 2, PUBCOMP is sent", 2, func() {
			sub.answer(await(packet.TypePublish))
			sub.answer(await(packet.TypePubrel))
		}, 0},
	} {
		t.Run(step.name, func(t *testing.T) {
			sub.t = t
			for n := range killRounds {
				message := fmt.Sprint(step.name, " ", n)
				pub.connect()
				p := &packet.Publish{QoS: step.qos, ID: 7, Topic: []byte("out"), Payload: []byte(message)}
				if step.qos == 1 {
					pub.insist(p, packet.TypePuback)
				} else {
					pub.insist(p, packet.TypePubrec)
					pub.insist(&packet.Pubrel{ID: 7}, packet.TypePubcomp)
				}
				step.do()
				s.again(t)
				sub.connect()
				if step.next != 0 {
					p := sub.next()
					// With QoS 1, that it was sent may be lost with the server; with
					// QoS 2 it is written down before.
					if m, ok := p.(*packet.Publish); p.Type() != step.next || ok && (!m.Dup && m.QoS == 2 || string(m.Payload) != message) {
						t.Fatalf("got %v, want %v again", p, step.next)
					}
					sub.answer(p)
					if step.next == packet.TypePublish && step.qos == 2 {
						sub.answer(await(packet.TypePubrel))
					}
				}
				sub.settle(pub, "out")
				if step.qos == 2 {
					sub.want(message, 1, 1)
				} else {
					sub.want(message, 1, 2)
				}
			}
		})
	}
}
