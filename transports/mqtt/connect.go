package mqtt

import (
	"context"
	"encoding/hex"
	"hash/fnv"
	"math"
	"strings"
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/mqtt/packet"
)

// handleFirst takes the first packet, which must be CONNECT [MQTT-3.1.0-1].
func (s *session) handleFirst(frame []byte) error {
	if packet.Type(frame[0]>>4) != packet.TypeConnect {
		return refusal(packet.ProtocolError, "the first packet is no CONNECT")
	}
	p := &packet.Connect{}
	if err := p.Decode(frame, 0); err != nil {
		return err
	}
	s.do(func() { s.version, s.phase = p.Version, phaseOpening })
	if p.Properties.Has(packet.AuthenticationMethod) {
		return refusal(packet.BadAuthenticationMethod, "there is no extended authentication")
	}
	if len(p.ClientID) > s.server.cfg.ClientIDBytes {
		return refusal(packet.ClientIDNotValid, "the client identifier is too long")
	}
	access := s.server.access.Load()
	if err := access.Gate.Request(s.socket.From()); err != nil {
		return refusal(packet.ConnectionRateExceeded, actors.AsError(err).Detail)
	}
	c := s.connection(p)
	if access.Dev || s.server.cfg.Anonymous && len(p.Password) == 0 {
		if access.Dev && c.username != "" { // as HTTP refuses it
			if _, err := transports.ParseUser(c.username); err != nil {
				return refusal(packet.BadUsernameOrPassword, actors.AsError(err).Detail)
			}
		}
		return s.admit(c, s.anonymous(access, c))
	}
	go func() { // a signature, the keys to check it by, and a password may take time
		ctx, cancel := context.WithTimeout(context.Background(), s.server.cfg.ConnectTimeout)
		defer cancel()
		caller, err := access.Auth.Login(ctx, c.username, c.password, s.socket.From())
		if err == nil {
			err = s.admit(c, caller)
		} else {
			reason := reasonOfCode(actors.AsError(err).Code)
			if len(c.password) == 0 && reason == packet.BadUsernameOrPassword {
				reason = packet.NotAuthorized // there is none that could be bad
			}
			err = refusal(reason, actors.AsError(err).Detail)
		}
		if err != nil {
			s.refuse(err)
		}
	}()
	return nil
}

// reasonOfCode tells by CONNACK why a credential is refused.
func reasonOfCode(c actors.Code) packet.Reason {
	switch c {
	case actors.Unauthorized:
		return packet.BadUsernameOrPassword
	case actors.TooMany:
		return packet.ConnectionRateExceeded
	case actors.Unavailable, actors.Busy:
		return packet.ServerUnavailable
	}
	return packet.NotAuthorized
}

// A connection is what a CONNECT asks for; it refers to nothing of its frame.
type connection struct {
	clean      bool
	assigned   bool // the server has chosen the client identifier
	client     string
	username   string
	password   []byte
	keepAlive  uint16
	expiry     int64 // milliseconds
	wantExpiry uint32
	receive    uint16
	aliases    uint16
	limit      uint32
	terse      bool // it wants no Reason String
	will       *packet.Will
	willDelay  uint32
}

func (s *session) connection(p *packet.Connect) *connection {
	c := &connection{
		clean: p.CleanStart, client: string(p.ClientID), username: string(p.Username), password: append([]byte(nil), p.Password...),
		keepAlive: p.KeepAlive, receive: math.MaxUint16,
	}
	if p.Version == packet.V5 {
		c.wantExpiry = p.Properties.Uint(packet.SessionExpiryInterval)
		c.expiry = s.server.expiryOf(c.wantExpiry)
		c.receive = uint16(p.Properties.Uint(packet.ReceiveMaximum))
		c.aliases = uint16(p.Properties.Uint(packet.TopicAliasMaximum))
		c.terse = p.Properties.Uint(packet.RequestProblemInformation) == 0
		if p.Properties.Has(packet.MaximumPacketSize) {
			c.limit = p.Properties.Uint(packet.MaximumPacketSize)
		}
	} else if !p.CleanStart {
		c.expiry = s.server.cfg.SessionExpiry.Milliseconds()
	}
	if c.client == "" { // [MQTT-3.1.3-6]
		c.client, c.assigned = "auto-"+actors.NewID().String(), true
	}
	if w := p.Will; w != nil {
		c.will = &packet.Will{QoS: w.QoS, Retain: w.Retain, Topic: append([]byte(nil), w.Topic...),
			Payload: append([]byte(nil), w.Payload...), Properties: w.Properties.Clone()}
		if p.Version == packet.V5 {
			c.willDelay = w.Properties.Uint(packet.WillDelayInterval)
		}
	}
	return c
}

// expiryOf returns the milliseconds that a session may outlive its connection,
// of the seconds that its client wants.
func (s *Server) expiryOf(seconds uint32) int64 {
	return min(int64(seconds)*1000, s.cfg.SessionExpiry.Milliseconds())
}

// anonymous returns the caller of a connection without a token: in dev mode the
// user that it names, else one that no token can name, so that nobody becomes a
// user of the app by a name alone.
func (s *session) anonymous(a *Access, c *connection) *transports.Principal {
	user := c.username
	if user == "" {
		user = c.client
	}
	if !a.Dev {
		user = transports.AnonymousUsers + user
	}
	if _, err := transports.ParseUser(user); err != nil {
		h := fnv.New128a()
		_, _ = h.Write([]byte(user)) // it never fails
		user = transports.AnonymousUsers + hex.EncodeToString(h.Sum(nil))
	}
	if known := s.server.nobodies.of(user, a.Dev); known != nil {
		return known
	}
	p := &transports.Principal{ID: "user:" + user, App: transports.DefaultApp, Kind: transports.Anonymous, User: user,
		Topics: transports.Topics{Read: s.server.cfg.AnonymousTopics, Write: s.server.cfg.AnonymousTopics}}
	if a.Dev {
		p.Kind, p.ID, p.Topics = transports.Developer, "dev", transports.Topics{Read: []string{"#"}, Write: []string{"#"}}
	}
	s.server.nobodies.add(p)
	return p
}

// admit asks the user for the session of a client whose caller is known.
func (s *session) admit(c *connection, caller *transports.Principal) error {
	user, err := userOf(caller, c.username)
	if err != nil {
		return refusal(packet.NotAuthorized, actors.AsError(err).Detail)
	}
	open := &actors.OpenSession{Client: c.client, Clean: c.clean, Expiry: c.expiry, Link: s}
	key := s.server.deps.Streams.Shared(actors.UserKey(caller.App, user))
	if c.will != nil {
		w, err := s.willOf(c, caller, user)
		if err != nil {
			return err
		}
		s.do(func() { s.needTransient().will = w })
		open.Will = w
	}
	s.do(func() { s.client, s.key = c.client, key })
	r := actors.NewRequest(key, open)
	r.OnReply(func(r *actors.Request) { s.opened(c, caller, key, r) })
	s.server.deps.Router.Send(key, r)
	return nil
}

// userOf returns the user of a connection: the user name, or the token's own, or
// whom a password stands for.
func userOf(caller *transports.Principal, username string) (string, error) {
	switch {
	case caller.Kind == transports.Developer && caller.User != "":
		return caller.User, nil
	case caller.Kind == transports.Anonymous, caller.Kind == transports.PasswordUser, username == "" && caller.IsUser():
		return caller.User, nil
	}
	if err := caller.Can(transports.ToWatch); err != nil {
		return "", err
	}
	return caller.Resolve(username)
}

// willOf returns the will of a connection, whose topic its client must be
// allowed to write.
func (s *session) willOf(c *connection, caller *transports.Principal, user string) (*actors.Will, error) {
	topic := string(c.will.Topic)
	switch {
	case !s.server.fits(topic):
		return nil, refusal(packet.TopicNameInvalid, "the will's topic is too long or too deep")
	case !caller.MayWrite(user, topic):
		return nil, refusal(packet.NotAuthorized, "the will's topic may not be written by this client")
	case s.server.overspends(caller): // whoever drops connections publishes by that
		return nil, refusal(packet.QuotaExceeded, "this client's user or key publishes too much for a will")
	}
	now := s.server.now()
	m := &actors.TopicMessage{App: caller.App, Topic: topic, Payload: c.will.Payload, Qos: uint32(c.will.QoS), Retain: c.will.Retain,
		At: now, User: user, Client: c.client}
	m.Attributes = attributes(c.will.Properties)
	if c.will.Properties.Has(packet.MessageExpiryInterval) {
		// It counts from the publication, which nobody knows yet.
		m.ExpiresAt = -int64(c.will.Properties.Uint(packet.MessageExpiryInterval))
	}
	return &actors.Will{Message: m, Delay: c.willDelay}, nil
}

// fits tells whether a topic that is published to is within the limits.
func (s *Server) fits(topic string) bool {
	return len(topic) <= s.cfg.TopicBytes && strings.Count(topic, "/") < s.cfg.TopicLevels
}

// opened goes on with the user's answer.
func (s *session) opened(c *connection, caller *transports.Principal, key actors.Key, r *actors.Request) {
	if err := r.Answer.Err; err != nil {
		r.Release()
		s.refuse(refusal(connectReason(err.Code), err.Detail))
		return
	}
	state, epoch := r.Answer.Session, r.Answer.Epoch
	r.Release()
	late := false
	var ack *packet.Connack
	s.do(func() {
		if late = s.phase != phaseOpening || s.doomed; late {
			return
		}
		ack = s.begin(c, state, epoch)
	})
	if late { // gone meanwhile, and its will was never to be published
		s.closeDurable(key, &actors.CloseSession{Client: c.client, Epoch: epoch, Link: s, Orderly: true})
		return
	}
	s.socket.AttachAs(caller, key, format{})
	s.do(func() {
		if s.phase == phaseOver || s.doomed {
			return
		}
		// Not before: what the client sends is understood by what the session
		// knows of its last connection, and one that has waited for the answer
		// may send and hang up at once.
		s.phase = phaseLive
		if !s.connack(ack) {
			return
		}
		if s.keepAlive > 0 {
			s.socket.Wait(time.Duration(s.keepAlive) * time.Second * 3 / 2)
		} else { // of 3.1.1: MQTT 5 is told one
			s.socket.Wait(0)
			s.socket.Probe()
		}
		s.resume(state, caller)
		if s.transient != nil && s.transient.again.more {
			s.reopen()
		}
	})
	s.pump(nil)
}

func connectReason(c actors.Code) packet.Reason {
	switch c {
	case actors.TooMany:
		return packet.QuotaExceeded
	case actors.Busy:
		return packet.ServerBusy
	}
	return packet.ServerUnavailable
}

// begin takes in what was agreed on, and returns the answer to the CONNECT. The
// caller holds the lock.
func (s *session) begin(c *connection, state *actors.SessionState, epoch uint64) *packet.Connack {
	cfg := &s.server.cfg
	s.window = uint16(min(int(c.receive), cfg.SendMaximum))
	s.aliases = uint16(min(int(c.aliases), cfg.AliasesOut))
	s.limit, s.keepAlive, s.terse = c.limit, c.keepAlive, c.terse
	s.seen.Store(s.server.instant())
	if epoch != 0 {
		s.durable = &durable{epoch: epoch, expiry: c.expiry, willing: c.will != nil}
		s.needTransient().will = nil // the user's actor has it
	}
	p := &packet.Connack{SessionPresent: state != nil && !state.Anew}
	if s.version == packet.V5 {
		s.announce(&p.Properties, c)
	}
	return p
}

// connack answers the CONNECT; false: nothing at all can be said to this
// client. The caller holds the lock.
func (s *session) connack(p *packet.Connack) bool {
	s.server.metrics.connects.WithLabelValues(packet.Success.String()).Inc()
	if !packet.Fit(p, s.version, s.packetLimit()) {
		s.end(actors.EndProtocol)
		return false
	}
	if s.version == packet.V5 {
		s.farewell.Or(farewellSpeaks)
	}
	s.write(p)
	return true
}

// announce tells what the server does otherwise than a client would think.
func (s *session) announce(ps *packet.Properties, c *connection) {
	cfg := &s.server.cfg
	if cfg.AliasesIn > 0 {
		ps.SetUint(packet.TopicAliasMaximum, uint32(cfg.AliasesIn))
	}
	if c.assigned {
		ps.SetString(packet.AssignedClientIdentifier, c.client)
	}
	if c.wantExpiry != 0 && int64(c.wantExpiry)*1000 != c.expiry {
		ps.SetUint(packet.SessionExpiryInterval, uint32(c.expiry/1000))
	}
	if most := uint16(cfg.KeepAlive / time.Second); c.keepAlive == 0 || c.keepAlive > most {
		s.keepAlive = most
		ps.SetUint(packet.ServerKeepAlive, uint32(most))
	}
	if cfg.ReceiveMaximum < math.MaxUint16 {
		ps.SetUint(packet.ReceiveMaximum, uint32(cfg.ReceiveMaximum))
	}
	ps.SetUint(packet.MaximumPacketSize, uint32(cfg.PacketBytes))
}

// refuseConnect answers a CONNECT that is refused. The caller holds the lock.
func (s *session) refuseConnect(v packet.Version, r packet.Reason, text string) {
	if !r.In(packet.TypeConnack) {
		r = packet.UnspecifiedError
	}
	s.server.metrics.connects.WithLabelValues(r.String()).Inc()
	switch {
	case r == packet.MalformedPacket:
		return // 3.1.1: [MQTT-3.1.4-1]; and in MQTT 5, who knows whether that was meant
	case v == packet.V311 && (r == packet.ProtocolError || r == packet.TopicNameInvalid):
		return // there is no code for it
	}
	p := &packet.Connack{Reason: r}
	if v == packet.V5 && text != "" {
		p.Properties.SetString(packet.ReasonString, text)
	}
	if s.socket != nil {
		_, _ = s.sendBytes(p.Append(nil, v)) // it ends in any case
	}
}
