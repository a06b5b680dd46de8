package mqtt

import (
	"errors"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/mqtt/packet"
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
		s.over(false)
	})
}

// over ends the session's part in everything; orderly says that the client has
// said goodbye. It may come twice. No lock may be held.
func (s *session) over(orderly bool) {
	s.do(func() {
		if s.phase == phaseOver {
			return
		}
		was := s.phase
		s.phase, s.doomed = phaseOver, true
		s.keep(nil)
		if was != phaseNew {
			s.leave(orderly)
		}
	})
}

// Left implements transports.Leaver.
func (s *session) Left(*transports.Socket) { go s.over(false) }

// AppendFarewell implements transports.Protocol. It takes no lock: it may be
// called with any.
func (s *session) AppendFarewell(b []byte, _ *transports.Socket, why actors.End, _ bool) []byte {
	f := s.farewell.Load()
	if f&farewellSpeaks == 0 || f&farewellSilent != 0 {
		return b
	}
	r := packet.Reason(f & 0xFF) // #nosec G115 -- one byte
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
	s.over(p.Reason != packet.DisconnectWithWill) // [MQTT-3.14.4-3]
	s.socket.Close(actors.EndGone)
	return nil
}
