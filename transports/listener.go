package transports

import "reddot/actors"

// maxIdle is how much a client may send that has nothing to say, in bytes:
// room for a careless one, none for a hose.
const maxIdle = 16 << 10

// A Listener is the Protocol of a client that only listens (SSE, iframe).
type Listener struct {
	Attachment actors.Attachment
	// Sink returns what the attachment writes to. Nil: the Socket.
	Sink func(s *Socket) actors.Sink
	// Farewell appends the last words. Nil: none.
	Farewell func(b []byte, why actors.End) []byte

	socket *Socket
	read   int
}

var _ Protocol = (*Listener)(nil)

// Open implements Protocol.
func (l *Listener) Open(s *Socket) {
	l.socket = s
	a := l.Attachment
	if l.Sink != nil {
		a.Sink = l.Sink(s)
	}
	s.Attach(a)
}

// Receive implements Protocol: what the client sends means nothing.
func (l *Listener) Receive(b []byte) bool {
	if l.read += len(b); l.read <= maxIdle {
		return true
	}
	l.socket.Close(actors.EndProtocol)
	return false
}

// AppendFarewell implements Protocol.
func (l *Listener) AppendFarewell(b []byte, why actors.End) []byte {
	if l.Farewell == nil {
		return b
	}
	return l.Farewell(b, why)
}
