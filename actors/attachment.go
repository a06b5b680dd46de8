package actors

import "github.com/asynkron/protoactor-go/actor"

// What a gateway tells a user.
type (
	attach struct {
		gate  *actor.PID
		key   Key
		conn  uint64
		turn  uint32 // of the connection
		after *Cursor
	}
	detach struct {
		gate      *actor.PID
		key       Key
		conn      uint64
		upto      uint64 // written to it; 0: nothing that the user does not know
		transport string
	}
	pull struct { // the next page after a cursor
		gate  *actor.PID
		key   Key
		conn  uint64
		turn  uint32 // of the connection
		after Cursor
		again bool // the page was trimmed while it was read
	}
	described struct { // the answer to whoIs
		gate  *actor.PID
		query uint64
		conns []connInfo
	}
	reached struct { // a connection's high-water mark
		key       Key
		upto      uint64
		transport string
	}
)

// whoIs asks a gateway about the user's connections.
type whoIs struct {
	key   Key
	user  *actor.PID
	query uint64
}

// ForOne implements ForOne.
func (*described) ForOne() {}

// refused answers an attach with why it may not be.
func (m *attach) refused(why End) *greeting {
	return &greeting{conn: m.conn, turn: m.turn, refused: why}
}

// Refused implements Refusable.
func (m *attach) Refused(h *Home, _ *Error) { h.Send(m.gate, m.refused(EndFailed)) }

// Refused implements Refusable.
func (m *pull) Refused(h *Home, _ *Error) { h.Send(m.gate, &pageRead{conn: m.conn, turn: m.turn}) }
