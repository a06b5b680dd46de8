package streams

import (
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/actors/gateway"
	"reddot/transports"
)

// A Protocol is what the bytes on a Socket mean. It knows nothing of how they
// come and go. One that remembers nothing of a client may serve many Sockets.
type Protocol interface {
	// Receive takes bytes from the client, cut anywhere; they are its own only
	// during the call. False says that it has closed the Socket: what comes
	// after is thrown away. It must not block.
	Receive(s *Socket, b []byte) bool
	// AppendEnd appends what the client is told at the end, if the protocol says
	// anything. sent tells whether anything was sent before.
	// It may be called while Receive is, and must not call the Socket's Send,
	// End or Close.
	AppendEnd(b []byte, s *Socket, why actors.End, sent bool) []byte
}

// A Translator is a Protocol that sends events in another form than the one
// shared by all.
type Translator interface {
	// Translate returns what stands for the frames. It may be called by
	// several at a time.
	Translate(frames []byte) []byte
}

// A Starter is a Protocol that has something to do as soon as its Socket is
// attached.
type Starter interface {
	// Started is called once, before Receive, but perhaps after Left.
	Started(s *Socket)
}

// A Timed is a Protocol that has deadlines of its own, such as a keep alive.
type Timed interface {
	// Due is called when a wait is over (Opening.Timeout, Socket.Wait) or what
	// Due returned last. It returns after which time it is to be called again;
	// 0: never, and, if it has closed the Socket, whatever.
	Due(s *Socket) time.Duration
}

// A Buffering is a Protocol with a buffer for what a slow client does not take.
type Buffering interface {
	// Drained is called when nothing waits to be written any more.
	Drained(s *Socket)
}

// A LateReceiver is a Protocol that wants what its client sent before it knew of the
// end: it may have ended the connection in order.
type LateReceiver interface {
	// ReceiveLate takes bytes as Receive does, after the Socket's End. False says that what comes after may be thrown away.
	ReceiveLate(s *Socket, b []byte) bool
}

// A Leaver is a Protocol that is told of the end, however it came.
type Leaver interface {
	// Left is called once, as the very last, possibly with locks held: it must
	// neither block nor send to an actor.
	Left(s *Socket)
}

// A Socket is a client connection that has outlived its HTTP request: who is
// at the other end, what is spoken, and to which user it is attached. Its Wire moves
// the bytes. Since a node has very many, it is
// small, and holds neither a goroutine nor a timer.
type Socket struct {
	streams   *Streams
	wire      Wire
	protocol  Protocol
	conn      atomic.Pointer[gateway.Conn]
	caller    atomic.Pointer[transports.Principal]
	id        uint64
	timers    timers
	from      [16]byte // zero: not known
	state     atomic.Uint32
	received  uint16 // bytes, no more than it can hold; the reader's
	transport uint8  // index into transportNames
}

// What state holds: flags, then the number of the present attachment, then why the
// Socket was closed, plus 1.
const (
	stateAttaching = 1 << iota // the conn may not be closed yet: its gateway would keep it
	stateAnswers               // Opening.Answer
	stateKeeps                 // Opening.Keep
	stateRests                 // it has answered, and waits for the next request
	stateLeft                  // Leave was called

	stateGeneration = 1 << 8
	generationMask  = 0xFF << 8
	stateReason     = 1 << 16
	reasonMask      = 0xFF << 16

	stateUnanswered = 1 << 24 // heartbeats since something last came
	unansweredMask  = 0xFF << 24
)

// maxUnanswered is how many heartbeats, of 15 to 25 s each, a client that has to
// answer them may leave unanswered: it is dead within 100 s.
const maxUnanswered = 3

// Answering is a Protocol whose clients answer each heartbeat, as a WebSocket's do
// (RFC 6455 section 5.5.2).
type Answering interface {
	AnswersBeats()
}

var _ owner = (*Socket)(nil)

// ID returns the id by which a Loop finds the Socket's Wire. No other Socket has it.
func (s *Socket) ID() uint64 { return s.id }

// Key returns the user of the connection, or "" if it is not attached.
func (s *Socket) Key() actors.Key {
	if c := s.conn.Load(); c != nil {
		return c.Key
	}
	return ""
}

// Loop returns what carries the node's connections.
func (s *Socket) Loop() Loop { return s.streams.cfg.Loop }

// Config returns the bounds of the connection, without zero values.
func (s *Socket) Config() *SinkConfig { return &s.streams.cfg.Sink }

// Caller returns who is at the other end.
func (s *Socket) Caller() *transports.Principal { return s.caller.Load() }

// Received returns how many bytes have come from the client, up to 64 KiB. It
// is for the Protocol's Receive.
func (s *Socket) Received() int { return int(s.received) }

// Attach replaces the connection's attachment by a new one that starts at after; the
// client is told nothing.
// It is for the Protocol's Receive.
func (s *Socket) Attach(f actors.Format, after *actors.Cursor) {
	old := s.conn.Load()
	turn := s.nextGeneration()
	s.state.Or(stateAttaching)
	old.Close(actors.EndReplaced)
	s.attach(actors.Attachment{Format: f, After: after, Key: old.Key, Since: old.Since()}, &attached{s, turn})
}

// SetVisible notes whether somebody sees what the client shows, and whether
// otherwise the counts are enough. It is for the Protocol's Receive.
func (s *Socket) SetVisible(yes, conflate bool) {
	if c := s.conn.Load(); c != nil {
		c.SetVisible(yes, conflate)
	}
}

// nextGeneration counts an attachment, and returns its number, which wraps around
// after 256. Nothing else in state changes.
func (s *Socket) nextGeneration() uint32 {
	for {
		old := s.state.Load()
		turn := (old + stateGeneration) & generationMask
		if s.state.CompareAndSwap(old, old&^generationMask|turn) {
			return turn
		}
	}
}

// AttachAs attaches a connection that began without a Format: now its client is
// known. It is for the Protocol, once; no lock may be held.
func (s *Socket) AttachAs(caller *transports.Principal, key actors.Key, f actors.Format) {
	s.caller.Store(caller)
	s.state.Or(stateAttaching)
	s.recheck()
	s.attach(actors.Attachment{Format: f, Key: key, Since: s.streams.cfg.Now().UnixMilli()}, (*first)(s))
}

// recheck ends the connection if its caller is not let in any more, and tells
// whether it was so. It is asked once the Socket is known with its caller: what
// was revoked before then was not found by who revoked it.
func (s *Socket) recheck() bool {
	caller := s.Caller()
	if caller == nil {
		return false
	}
	why, ok := s.streams.cfg.StillValid(caller)
	if !ok {
		s.Close(why)
	}
	return !ok
}

// settle says that there is no conn yet that Close would have to close.
func (s *Socket) settle() {
	if reason := s.state.And(^uint32(stateAttaching)) & reasonMask; reason != 0 {
		s.wire.End(reasonOf(reason))
	}
}

func (s *Socket) attach(a actors.Attachment, sink actors.Sink) {
	a.Sink = sink
	c := gateway.NewConn(a)
	s.conn.Store(c)
	s.streams.hub.Attach(c)
	if reason := s.state.And(^uint32(stateAttaching)) & reasonMask; reason != 0 {
		c.Close(reasonOf(reason))
		s.wire.End(reasonOf(reason))
	}
}

// Address returns the client's address, without its port.
func (s *Socket) Address() string { return s.streams.address(s.address()) }

// From returns where the client is, or the zero Addr.
func (s *Socket) From() netip.Addr { return s.address() }

// address returns the client's, or the zero Addr.
func (s *Socket) address() netip.Addr {
	if s.from == [16]byte{} {
		return netip.Addr{}
	}
	return netip.AddrFrom16(s.from).Unmap()
}

// Send writes whole frames, as an actors.Sink does, without translation. A
// protocol's own answers may be sent at any time.
func (s *Socket) Send(frames []byte) (pending int, err error) { return s.wire.Send(frames) }

// push sends what comes from the user's actor.
func (s *Socket) push(frames []byte) (pending int, err error) {
	if t, ok := s.protocol.(Translator); ok && len(frames) > 0 {
		return s.wire.Send(t.Translate(frames))
	}
	return s.wire.SendShared(frames)
}

// SendShared is Send for frames that nobody changes any more.
func (s *Socket) SendShared(frames []byte) (pending int, err error) {
	return s.wire.SendShared(frames)
}

// Claim implements Debtor.
func (s *Socket) Claim() *transports.Claim {
	return s.streams.cfg.Budget.Claim(s.address(), s.Caller())
}

// Close ends the connection, and tells the user's actor. It may come at any
// time, and again.
func (s *Socket) Close(why actors.End) {
	for {
		old := s.state.Load()
		state := old
		if old&reasonMask == 0 {
			state |= (uint32(why) + 1) * stateReason
		}
		if !s.state.CompareAndSwap(old, state) {
			continue
		}
		if old&stateAttaching == 0 {
			if c := s.conn.Load(); c != nil {
				c.Close(why)
			}
			s.wire.End(why)
		}
		return
	}
}

func reasonOf(state uint32) actors.End { return actors.End(state/stateReason - 1) }

// Receive hands bytes from the client to the Protocol. False says that the
// rest is to be thrown away. A Protocol that panics ends this connection and no
// other.
func (s *Socket) Receive(b []byte) (goOn bool) {
	defer s.recoverPanic(&goOn)
	if s.state.Load()&unansweredMask != 0 {
		s.state.And(^uint32(unansweredMask))
	}
	s.received = uint16(min(int(s.received)+len(b), 1<<16-1))
	return s.protocol.Receive(s, b)
}

// recoverPanic ends a connection whose Protocol panics. It is deferred.
func (s *Socket) recoverPanic(goOn *bool) {
	if reason := recover(); reason != nil {
		s.streams.log.Error("a connection panicked and is ended", "reason", reason, "stack", string(debug.Stack()))
		s.Close(actors.EndFailed)
		*goOn = false
	}
}

// ReceivesLate tells whether the Protocol wants what comes after the end
// (LateReceiver). The Wire then reads what has come before it closes the descriptor.
func (s *Socket) ReceivesLate() bool {
	_, ok := s.protocol.(LateReceiver)
	return ok
}

// ReceiveLate hands a LateReceiver bytes that have come since End. False says that
// the rest is to be thrown away.
func (s *Socket) ReceiveLate(b []byte) (goOn bool) {
	h, ok := s.protocol.(LateReceiver)
	if !ok {
		return false
	}
	defer s.recoverPanic(&goOn)
	return h.ReceiveLate(s, b)
}

// beat counts a heartbeat. False: the client answers none.
func (s *Socket) beat() bool {
	if _, ok := s.protocol.(Answering); !ok {
		return true
	}
	if s.state.Load()&unansweredMask >= maxUnanswered*stateUnanswered {
		return false
	}
	s.state.Add(stateUnanswered)
	return true
}

// Drained tells the user's actor that everything is written.
func (s *Socket) Drained() {
	if p, ok := s.protocol.(Buffering); ok {
		p.Drained(s)
	}
	if c := s.conn.Load(); c != nil {
		c.Drained()
	}
}

// AppendEnd appends what the protocol says at the end.
func (s *Socket) AppendEnd(b []byte, why actors.End, sent bool) []byte {
	return s.protocol.AppendEnd(b, s, why, sent)
}

// Answers tells whether the connection waits for one answer, so that what the
// client sends is to stay unread.
func (s *Socket) Answers() bool { return s.state.Load()&stateAnswers != 0 }

// Keeps tells whether a connection that has ended for the reason waits for the
// next request.
func (s *Socket) Keeps(why actors.End) bool {
	return s.state.Load()&stateKeeps != 0 && why != actors.EndDrain && !s.streams.drains()
}

// SetTimeout has the Wire's Timeout called after d. Another call replaces it; 0 ends
// it.
func (s *Socket) SetTimeout(d time.Duration) { s.streams.wheel.set(s, &s.timers.timeout, d) }

// Wait lets a Timed protocol be called after d; 0: only the credential's
// expiry is waited for.
func (s *Socket) Wait(d time.Duration) { s.watch(d) }

// A prober is a Wire that can have the kernel probe the client.
type prober interface {
	SetProbes() error
}

// Probe has the kernel find out, by TCP keep-alive, that the client is gone
// without a word, within minutes. It is for a Protocol whose client need not say
// anything for as long as it lives.
func (s *Socket) Probe() {
	if p, ok := s.wire.(prober); ok {
		if err := p.SetProbes(); err != nil {
			s.streams.log.Debug("the client can't be probed", slog.Any("cause", err))
		}
	}
}

// watch lets the Socket be ended when its credential expires, or the wait is over.
func (s *Socket) watch(wait time.Duration) {
	if caller := s.Caller(); caller != nil && !caller.Expires.IsZero() {
		left := max(1, caller.Expires.Sub(s.streams.cfg.Now()))
		if wait == 0 || left < wait {
			wait = left
		}
	}
	if wait != 0 {
		s.streams.wheel.set(s, &s.timers.until, wait)
	}
}

// due is called by the wheel.
func (s *Socket) due(e expired) {
	if e.timeout {
		s.wire.Timeout()
	}
	if !e.until {
		return
	}
	state := s.state.Load()
	switch {
	case state&stateRests != 0:
		s.wire.Shut()
	case s.Caller() != nil && s.Caller().Expired(s.streams.cfg.Now()):
		s.Close(actors.EndToken)
	case state&stateAnswers != 0:
		s.Close(actors.EndGone)
	default:
		var wait time.Duration
		if p, ok := s.protocol.(Timed); ok {
			wait = p.Due(s)
		}
		s.watch(wait) // or the clocks disagree
	}
}

// Rest says that the answer is written, and the connection waits for the next
// request. Its user's actor is forgotten.
func (s *Socket) Rest() {
	s.state.Or(stateRests)
	s.conn.Store(nil)
	s.streams.rest(s)
	s.streams.wheel.set(s, &s.timers.until, s.streams.cfg.Rest)
}

// Resume returns the connection to the HTTP server, with what was already read
// from it. The Socket is over.
func (s *Socket) Resume(conn net.Conn, unread []byte) {
	s.Leave()
	if len(unread) > 0 {
		conn = resumed(conn, unread)
	}
	go s.streams.cfg.Resume(conn)
}

// Leave gives the Socket's place back. It may come twice; the Wire's
// descriptor is closed by then.
func (s *Socket) Leave() {
	if s.state.Or(stateLeft)&stateLeft == 0 {
		s.streams.leave(s)
		if p, ok := s.protocol.(Leaver); ok {
			p.Left(s)
		}
	}
}
