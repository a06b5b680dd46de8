package load

import (
	"fmt"
	"time"

	"reddot/cmd/internal/load/mqtt"
)

// eventsTopic carries the events of a client's own user, as every other
// transport has them.
const eventsTopic = "users/me/events"

// startMQTT opens the connection to the broker.
func (c *conn) startMQTT() {
	c.mqtt = mqtt.Framer{}
	l, err := c.w.p.Open(c.from, c.w.b.broker, c)
	if err != nil {
		c.drop(err)
		return
	}
	c.link = l
	w := c.w
	name := string(w.appendName(nil, c.name))
	w.scratch = mqtt.AppendConnect(w.scratch[:0], fmt.Sprintf("%s-%d", w.b.run, c.nth), name, w.cfg.Token, w.keepAlive(), false)
	l.Write(w.scratch)
}

// receivedMQTT takes what the broker sends.
func (c *conn) receivedMQTT(b []byte) {
	err := c.mqtt.Feed(b, func(first byte, body []byte) error {
		if c.link == nil {
			return nil
		}
		return c.packet(first, body)
	})
	if err != nil && c.link != nil {
		c.drop(err)
	}
}

// packet is the table of contents of what a broker sends to a subscriber.
func (c *conn) packet(first byte, body []byte) error {
	w := c.w
	switch first >> 4 {
	case mqtt.Connack:
		if err := mqtt.ParseConnack(body); err != nil {
			return err
		}
		w.tally.connects++
		w.scratch = mqtt.AppendSubscribe(w.scratch[:0], 1, c.filter(), w.cfg.QoS)
		c.link.Write(w.scratch)
	case mqtt.Suback:
		if err := mqtt.ParseSuback(body); err != nil {
			return err
		}
		if !c.known {
			c.first(c.u.base)
		}
		c.alive()
	case mqtt.Publish:
		p, err := mqtt.ParsePublish(first, body)
		if err != nil {
			return err
		}
		if p.ID != 0 {
			w.scratch = mqtt.AppendPuback(w.scratch[:0], p.ID)
			c.link.Write(w.scratch)
		}
		if w.b.topic != "" {
			c.topic(p.Payload)
		} else {
			c.Frame(p.Payload)
		}
	case mqtt.Pingresp:
		w.tally.beats++
	default:
		return fmt.Errorf("%w: a packet of type %d", mqtt.ErrProtocol, first>>4)
	}
	return nil
}

// filter returns what the connection subscribes to.
func (c *conn) filter() []byte {
	if c.w.b.topic != "" {
		return c.w.appendTopic(nil, c.name)
	}
	return []byte(eventsTopic)
}

// keepAlive returns what MQTT's clients promise, in seconds: a third more than
// they keep.
func (w *worker) keepAlive() int { return int((w.cfg.PingEvery*4/3 + time.Second - 1) / time.Second) }

// ping says that the client is alive.
func (c *conn) ping() {
	if c.link != nil && c.live {
		c.link.Write(mqtt.Ping)
	}
}

// pingSome lets those say that they are alive whose turn it is.
func (w *worker) pingSome(now int64) {
	for ; w.pinged < len(w.conns) && now >= w.pingFrom+int64(w.cfg.PingEvery)*int64(w.pinged)/int64(len(w.conns)); w.pinged++ {
		w.conns[w.pinged].ping()
	}
	if now >= w.pingFrom+int64(w.cfg.PingEvery) {
		w.pingFrom, w.pinged = now, 0
	}
}
