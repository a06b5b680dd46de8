package actors

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
)

// What a gateway tells a user.
type (
	// Attach asks for a connection to be taken in.
	Attach struct {
		Gate  *actor.PID
		Key   Key
		Conn  uint64
		Turn  uint32 // of the connection
		After *Cursor
	}
	// Detach says that a connection has ended.
	Detach struct {
		Gate      *actor.PID
		Key       Key
		Conn      uint64
		Upto      uint64 // written to it; 0: nothing that the user does not know
		Casts     Span   // and of the broadcast log
		Transport string
	}
	// Pull asks for the next page after a cursor.
	Pull struct {
		Gate  *actor.PID
		Key   Key
		Conn  uint64
		Turn  uint32 // of the connection
		After Cursor
		Again bool // the page was trimmed while it was read
	}
	// Described is the answer to WhoIs.
	Described struct {
		Gate  *actor.PID
		Query uint64
		Conns []ConnInfo
	}
	// Reached is a connection's high-water mark, or says what its client sees.
	Reached struct {
		Key       Key
		Upto      uint64 // 0: nothing that the user does not know
		Casts     Span
		Transport string
		Sight     Sight // 0: as before
	}
)

// A Sight is what a client says of whether somebody sees what it shows.
type Sight uint8

// The sights that are told.
const (
	SightVisible Sight = 1 + iota
	SightHidden
)

// A Span is the positions of a broadcast log with After < pos ≤ Upto.
type Span struct{ After, Upto uint64 }

// WhoIs asks a gateway about the user's connections.
type WhoIs struct {
	Key   Key
	User  *actor.PID
	Query uint64
}

// ForOne implements ForOne.
func (*Described) ForOne() {}

// Refusal answers an attach with why it may not be.
func (m *Attach) Refusal(why End) *Greeting {
	return &Greeting{Conn: m.Conn, Turn: m.Turn, Refused: why}
}

// Refused implements Refusable.
func (m *Attach) Refused(h *Home, _ *Error) { h.Send(m.Gate, m.Refusal(EndFailed)) }

// Refused implements Refusable.
func (m *Pull) Refused(h *Home, _ *Error) { h.Send(m.Gate, &PageRead{Conn: m.Conn, Turn: m.Turn}) }

// What users tell gateways, besides pushes.
type (
	// Greeting is the user's answer to Attach.
	Greeting struct {
		Key       Key
		Conn      uint64
		Turn      uint32
		At        Cursor // from where the connection goes on
		Head      Cursor // where the user stands
		Counts    []byte
		Recovered bool // at is the connection's own
		Reset     bool // its own was foreign, or too old
		Refused   End  // not EndGone: it may not be attached
	}
	// PageRead is the answer to Pull.
	PageRead struct {
		Conn uint64
		Turn uint32
		Push *Push // nil: it can't be read
	}
	// Gone says that the user's actor has ended: attach again.
	Gone struct{ Key Key }
	// Kick ends a user's connections.
	Kick struct {
		Key Key
		Why End
	}
)

// ConnInfo is what an operator is told of a connection.
type ConnInfo struct {
	ID        string `json:"id"`
	Transport string `json:"transport"`
	Address   string `json:"address"`
	Since     string `json:"since"`
	Visible   bool   `json:"visible"` // its client has not said that nobody sees it
}

// ConnID is the text of a connection's id, which no other connection has.
func ConnID(id uint64) string { return strconv.FormatUint(id, 16) }
