package mqtt

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/actors/topic"
	"reddot/transports/mqtt/packet"
	"reddot/transports/streams"
	"reddot/transports/websocket"
)

// A session is the protocol of one connection: what its client subscribes to,
// and what is under way in either direction. Most clients only listen, so what
// it takes to hear them is made when they say something. There are very many:
// it takes 128 bytes, and no more (TestSessionSize).
type session struct {
	server   *Server
	socket   *streams.Socket
	farewell atomic.Uint32 // how to end: see the constants
	seen     atomic.Uint32 // the Server.instant in which the client last sent something

	mu        sync.Mutex
	version   packet.Version
	phase     phase
	reading   bool   // somebody works on what came
	doomed    bool   // it is being ended
	slow      bool   // something waits to be written
	framed    bool   // it is a webSocket's
	keepAlive uint16 // seconds; 0: none
	window    uint16 // how many messages may be under way to the client
	aliases   uint16 // how many aliases the client takes
	own       [numInboxTopics]ownSubscription
	terse     bool         // the client wants no Reason String
	limit     uint32       // bytes of a packet that the client takes
	pace      streams.Pace // of what the client sends
	key       actors.Key   // of the user, the same string for all connections; "": nobody knows yet
	client    string
	durable   *durable
	subs      *subscription // the first
	out       *outbound     // nil: nothing was sent that needs an answer
	in        *inbound      // nil: the client has published nothing
	transient *transient    // nil: nothing happens
}

func (s *session) user() string { return s.key.Name() }
func (s *session) app() string  { return s.key.App() }

type phase uint8

const (
	phaseNew     phase = iota // CONNECT has not come
	phaseOpening              // it has, and is not answered
	phaseLive
	phaseOver
)

// What session.farewell holds: the reason of a DISCONNECT in the low byte, if
// it is known better than by an End, and these.
const (
	farewellSpeaks = 1 << 8 // the client understands a DISCONNECT
	farewellSilent = 1 << 9 // the client has said goodbye
)

var (
	_ streams.Protocol     = (*session)(nil)
	_ streams.Translator   = (*session)(nil)
	_ streams.Timed        = (*session)(nil)
	_ streams.Buffering    = (*session)(nil)
	_ streams.Leaver       = (*session)(nil)
	_ streams.LateReceiver = (*session)(nil)
	_ topic.Subscriber     = (*session)(nil)
	_ actors.SessionLink   = (*session)(nil)
)

// do runs fn with the lock held, and afterwards what fn has put off.
func (s *session) do(fn func()) {
	for _, f := range s.locked(fn) {
		f()
	}
}

// doElsewhere is do for who holds another lock, of a Conn for instance: what is put
// off is done by a goroutine of its own.
func (s *session) doElsewhere(fn func()) {
	if after := s.locked(fn); len(after) > 0 {
		go func() {
			for _, f := range after {
				f()
			}
		}()
	}
}

func (s *session) locked(fn func()) []func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
	if s.transient == nil {
		return nil
	}
	after := s.transient.after
	s.transient.after = nil
	s.dropTransient()
	return after
}

// later puts fn off until the lock is free.
func (s *session) later(fn func()) {
	t := s.needTransient()
	t.after = append(t.after, fn)
}

// Receive implements streams.Protocol.
func (s *session) Receive(socket *streams.Socket, b []byte) (goOn bool) {
	goOn = true
	s.do(func() {
		s.bind(socket)
		s.seen.Store(s.server.instant())
		if unread := s.unread(); s.reading || len(unread) > 0 {
			if len(unread)+len(b) > s.mostUnread() {
				s.endWith(packet.ReceiveMaximumExceeded)
				s.later(func() { s.over(goneWithout) })
				b = nil
				return
			}
			s.keep(append(unread, b...))
			b = nil
		}
	})
	s.pump(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase != phaseOver || s.parting() != nil
}

// bind learns which Socket the session has: with the first bytes, or, if none
// come, when the time for them is over. The caller holds the lock.
func (s *session) bind(socket *streams.Socket) {
	if s.socket == nil {
		s.socket = socket
	}
}

// mostUnread is how much may wait to be worked on. The caller holds the lock.
func (s *session) mostUnread() int {
	return s.server.cfg.PacketBytes + s.server.cfg.ConnectBytes + 64<<10
}

// pump works on the packets in b, or, if b is empty, on what has waited, unless
// somebody else does. What is left over waits.
func (s *session) pump(b []byte) {
	own := len(b) > 0
	s.mu.Lock()
	if s.reading {
		if own {
			s.keep(append(s.unread(), b...))
		}
		s.mu.Unlock()
		return
	}
	s.reading = true
	if !own {
		b = s.unread()
		s.keep(nil)
	}
	s.mu.Unlock()
	for {
		opening := false
		b, opening = s.work(b)
		s.mu.Lock()
		if unread := s.unread(); s.isOpen() && (len(unread) > 0 || opening) {
			// More came meanwhile, or CONNECT was answered after work had looked.
			b = append(append([]byte(nil), b...), unread...)
			s.keep(nil)
			s.mu.Unlock()
			continue
		}
		s.reading = false
		switch {
		case s.phase != phaseOpening && !s.isOpen():
			s.keep(nil)
		case len(b) > 0:
			s.keep(append(append([]byte(nil), b...), s.unread()...))
		}
		over := s.transient != nil && s.transient.left
		if over {
			s.transient.left = false
		}
		s.dropTransient()
		s.mu.Unlock()
		if over {
			s.over(goneWithout)
		}
		return
	}
}

// isOpen tells whether packets of the client are worked on. The caller holds the
// lock.
func (s *session) isOpen() bool {
	return s.phase != phaseOpening && (s.phase != phaseOver || s.parting() != nil)
}

// work handles whole packets, and returns what is left. opening says that it
// stopped because CONNECT was not answered yet.
func (s *session) work(b []byte) (rest []byte, opening bool) {
	for len(b) > 0 {
		s.mu.Lock()
		phase, limit, hears := s.phase, s.server.cfg.PacketBytes, s.isOpen()
		s.mu.Unlock()
		switch {
		case phase == phaseOver && !hears:
			return nil, false
		case phase == phaseOver:
			return s.findDisconnect(b), false
		case phase == phaseOpening:
			return b, true
		case phase == phaseNew:
			limit = s.server.cfg.ConnectBytes
		}
		frame, rest, err := packet.Split(b, limit)
		if err == nil && frame == nil {
			return b, false
		}
		if err == nil {
			err = s.handle(frame, phase)
		}
		if err != nil {
			s.refuse(err)
			return nil, false
		}
		b = rest
	}
	return nil, false
}

// handle is the table of contents of what a client sends. An error ends the
// connection.
func (s *session) handle(frame []byte, phase phase) error {
	if phase == phaseNew {
		return s.handleFirst(frame)
	}
	switch packet.Type(frame[0] >> 4) {
	case packet.TypePingreq:
		if err := s.checkPace(1); err != nil {
			return err
		}
		if len(frame) == len(pingresp) && frame[0]&0xF == 0 {
			s.do(s.pong)
			return nil
		}
	case packet.TypePublish:
		return s.handlePublish(frame)
	case packet.TypePuback, packet.TypePubrec, packet.TypePubcomp:
		return s.handleAck(frame)
	case packet.TypePubrel:
		return s.handlePubrel(frame)
	}
	p, err := packet.Decode(frame, s.version)
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case *packet.Subscribe:
		if err := s.checkPace(len(p.Subscriptions) * filterCost); err != nil {
			return err
		}
		return s.handleSubscribe(p)
	case *packet.Unsubscribe:
		if err := s.checkPace(len(p.Filters)); err != nil {
			return err
		}
		return s.handleUnsubscribe(p)
	case *packet.Disconnect:
		return s.handleDisconnect(p)
	case *packet.Auth:
		return refusal(packet.BadAuthenticationMethod, "there is no extended authentication")
	default: // [MQTT-3.1.0-2]: a second CONNECT, and what only servers send
		return refusal(packet.ProtocolError, fmt.Sprintf("a client does not send %v here", p.Type()))
	}
}

// Due implements streams.Timed: the time for CONNECT is over, or it is time
// to look whether the client is alive [MQTT-3.1.2-22].
func (s *session) Due(socket *streams.Socket) time.Duration {
	var next time.Duration
	s.do(func() {
		s.bind(socket)
		switch s.phase {
		case phaseNew, phaseOpening:
			s.end(actors.EndGone)
		case phaseLive:
			if s.keepAlive == 0 {
				return
			}
			most := time.Duration(s.keepAlive) * time.Second * 3 / 2
			silent := time.Duration(s.server.instant()-s.seen.Load()) * instant
			if next = most - silent; next <= 0 {
				s.endWith(packet.KeepAliveTimeout)
			}
		}
	})
	return max(next, 0)
}

// instant is the unit in which a session notes when its client was heard: fine
// enough for a keep-alive of a second, and good for 13 years.
const instant = 100 * time.Millisecond

// instant returns how many of them have gone by since the server began.
func (s *Server) instant() uint32 { return uint32(time.Since(s.began) / instant) }

// Drained implements streams.Buffering.
func (s *session) Drained(*streams.Socket) {
	s.do(func() {
		s.slow = false
		s.sendWaiting()
	})
}

// What answers a PINGREQ, by TCP and in a frame of its own. Connections that are
// idle do nothing else: it costs no memory.
var (
	pingresp       = (&packet.Pingresp{}).Append(nil, packet.V5)
	pingrespFramed = append(websocket.AppendHead(nil, websocket.OpBinary, len(pingresp)), pingresp...)
)

// pong answers a PINGREQ. The caller holds the lock.
func (s *session) pong() {
	b := pingresp
	if s.framed {
		b = pingrespFramed
	}
	if s.phase != phaseOver {
		s.wrote(s.socket.Send(b))
	}
}

// write writes a packet that is no message. The caller holds the lock.
func (s *session) write(p packet.Packet) {
	if s.phase == phaseOver || !packet.Fit(p, s.version, s.packetLimit()) {
		return
	}
	s.writeBytes(p.Append(nil, s.version))
}

func (s *session) packetLimit() int {
	if s.limit == 0 {
		return packet.MaxSize
	}
	return int(s.limit)
}

// writeBytes writes whole packets. The caller holds the lock.
func (s *session) writeBytes(b []byte) { s.wrote(s.sendBytes(b)) }

// wrote takes in what has become of a write. The caller holds the lock.
func (s *session) wrote(n int, err error) {
	switch {
	case errors.Is(err, actors.ErrSlow):
		s.end(actors.EndSlow)
	case err != nil:
		s.end(actors.EndGone)
	case n > 0:
		s.slow = true
	}
}

// sendBytes gives whole packets to the Socket.
func (s *session) sendBytes(b []byte) (pending int, err error) {
	return s.socket.Send(s.framedBytes(b))
}
