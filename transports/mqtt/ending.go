package mqtt

import (
	"errors"

	"reddot/actors"
	"reddot/transports/mqtt/packet"
	"reddot/transports/streams"
)

// refusal is why a connection is ended.
func refusal(r packet.Reason, text string) error { return &packet.Error{Reason: r, Text: text} }

// refuse ends the connection because of what the client sent.
func (s *session) refuse(err error) {
	var e *packet.Error
	if !errors.As(err, &e) {
		e = &packet.Error{Reason: packet.UnspecifiedError}
	}
	s.server.deps.Log.Debug("connection refused", "client", s.client, "cause", err)
	s.do(func() {
		if s.phase == phaseNew || s.phase == phaseOpening {
			v := s.version
			if e.Version != 0 {
				v = e.Version
			}
			if s.phase == phaseOpening || e.Version != 0 {
				s.refuseConnect(v, e.Reason, e.Text)
			}
			s.end(actors.EndProtocol)
			return
		}
		s.endWith(e.Reason)
		s.later(func() { s.over(goneWithout) }) // what comes behind it is not understood
	})
}

// endWith ends the connection and says why. The caller holds the lock.
func (s *session) endWith(r packet.Reason) {
	s.farewell.Or(uint32(r))
	s.end(actors.EndProtocol)
}

// end ends the connection as soon as the lock is free. The caller holds it.
func (s *session) end(why actors.End) {
	if s.doomed {
		return
	}
	s.doomed = true
	s.later(func() {
		if s.socket != nil {
			s.socket.Close(why)
		}
		s.over(goneUnheard)
	})
}

// A parting is what a session that is over still has to settle, which rests on
// whether its client has said goodbye.
type parting struct {
	will   *actors.Will // of a session that ends with its connection
	waits  bool         // there is a will: what the client has sent is read to the end
	key    actors.Key
	client string
	epoch  uint64
	expiry *int64 // as in actors.CloseSession
}

// goodbye is how a client has left.
type goodbye uint8

const (
	goneUnheard goodbye = iota // what it has sent is not read to the end
	goneWithout                // it has said none, or wants its will to be published
	goneOrderly
)

// over ends the session's part in everything. It may come twice, and what is left
// then is whether there was a goodbye. No lock may be held.
func (s *session) over(how goodbye) {
	s.do(func() {
		if s.phase != phaseOver {
			was := s.phase
			s.phase, s.doomed = phaseOver, true
			if was != phaseNew {
				s.leave(was == phaseLive)
			}
		}
		if p := s.parting(); p != nil && (how != goneUnheard || !p.waits) {
			s.transient.parting = nil
			s.later(func() { s.settleParting(p, how == goneOrderly) })
		}
		if s.parting() == nil {
			s.keep(nil)
		}
	})
}

// isOver tells whether the session has ended.
func (s *session) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == phaseOver
}

// parting returns what is left to settle; nil: nothing. The caller holds the lock.
func (s *session) parting() *parting {
	if s.transient == nil {
		return nil
	}
	return s.transient.parting
}

// settleParting settles it. No lock may be held.
func (s *session) settleParting(p *parting, orderly bool) {
	if p.will != nil && !orderly {
		s.server.deps.Topics.PublishWill(p.will, nil)
	}
	c := &actors.CloseSession{Client: p.client, Epoch: p.epoch, Link: s, Orderly: orderly, Expiry: p.expiry}
	s.do(func() { s.afterWriting(func() { s.closeDurable(p.key, c) }) })
}

// ReceiveLate implements streams.LateReceiver: a will is not published behind a DISCONNECT
// that was sent before the client heard of the end [MQTT-3.14.4-3].
func (s *session) ReceiveLate(socket *streams.Socket, b []byte) bool {
	s.over(goneUnheard)
	return s.Receive(socket, b)
}

// Left implements streams.Leaver.
func (s *session) Left(*streams.Socket) { go s.left() }

// left ends what has not ended, once what has come is worked on.
func (s *session) left() {
	s.do(func() { s.needTransient().left = true })
	s.pump(nil)
}

// findDisconnect looks for a DISCONNECT in what a client has sent to a session that
// is over, and returns what is left.
func (s *session) findDisconnect(b []byte) (rest []byte) {
	for {
		frame, rest, err := packet.Split(b, s.server.cfg.PacketBytes)
		switch {
		case err != nil:
			s.over(goneWithout)
			return nil
		case frame == nil:
			return b
		case packet.Type(frame[0]>>4) != packet.TypeDisconnect:
			b = rest
			continue
		}
		how := goneWithout
		if p, err := packet.Decode(frame, s.version); err == nil {
			how = goodbyeOf(p.(*packet.Disconnect))
		}
		s.over(how)
		return nil
	}
}

func goodbyeOf(p *packet.Disconnect) goodbye {
	if p.Reason == packet.DisconnectWithWill {
		return goneWithout
	}
	return goneOrderly
}

// AppendEnd implements streams.Protocol. It takes no lock: it may be
// called with any.
func (s *session) AppendEnd(b []byte, _ *streams.Socket, why actors.End, _ bool) []byte {
	f := s.farewell.Load()
	if f&farewellSpeaks == 0 || f&farewellSilent != 0 {
		return b
	}
	r := packet.Reason(f & 0xFF)
	if r == packet.Success {
		r = reasonOfEnd[why]
	}
	if r == packet.Success || !r.In(packet.TypeDisconnect) {
		return b
	}
	p := &packet.Disconnect{Reason: r}
	if reference := s.server.cfg.ServerReference; r == packet.ServerShuttingDown && reference != "" {
		p.Reason = packet.UseAnotherServer // MQTT 5, 4.11
		p.Properties.SetString(packet.ServerReference, reference)
		if p.Size(packet.V5) > s.packetLimit() { // [MQTT-3.14.2-3]
			p = &packet.Disconnect{Reason: p.Reason}
		}
	}
	return p.Append(b, packet.V5)
}

// reasonOfEnd is how a DISCONNECT tells why the core ends a connection.
var reasonOfEnd = [...]packet.Reason{
	actors.EndGone:         packet.Success,
	actors.EndDrain:        packet.ServerShuttingDown,
	actors.EndSlow:         packet.QuotaExceeded,
	actors.EndTooMany:      packet.QuotaExceeded,
	actors.EndForbidden:    packet.NotAuthorized,
	actors.EndToken:        packet.NotAuthorized,
	actors.EndReplaced:     packet.SessionTakenOver,
	actors.EndDisconnected: packet.AdministrativeAction,
	actors.EndFailed:       packet.UnspecifiedError,
	actors.EndProtocol:     packet.ProtocolError,
}

// Replaced implements actors.SessionLink.
func (s *session) Replaced() {
	s.server.metrics.takeovers.Inc()
	s.do(func() {
		if s.durable != nil {
			s.durable.lost = true // nothing more is its to write down
		}
		s.end(actors.EndReplaced)
	})
}

// handleDisconnect ends the connection as the client asks for it.
func (s *session) handleDisconnect(p *packet.Disconnect) error {
	if p.Properties.Has(packet.SessionExpiryInterval) {
		expiry := s.server.expiryOf(p.Properties.Uint(packet.SessionExpiryInterval))
		if expiry > 0 && (s.durable == nil || s.durable.expiry == 0) { // MQTT 5, 3.14.2.2.2
			return refusal(packet.ProtocolError, "a session that was to end with its connection cannot outlive it any more")
		}
		if s.durable != nil {
			s.durable.final = &expiry
		}
	}
	s.farewell.Or(farewellSilent)
	s.over(goodbyeOf(p)) // [MQTT-3.14.4-3]
	s.socket.Close(actors.EndGone)
	return nil
}
