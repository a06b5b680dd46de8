package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// What actors tell each other across nodes, as frames. Which node a frame goes
// to, and that it arrives once and in order or that both sides learn of it, is
// the business of whoever carries it.

// A Crossing is a message that has come from another node.
type Crossing struct {
	Message any
	Key     actors.Key // to this persistent actor; empty: not to one
	PID     string     // else to the actor of this node with this id
	ID      uint64     // of a request: what to answer to
}

// frame returns a frame with w as its body.
func frame(t FrameType, w interface{ MarshalVT() ([]byte, error) }) (*Frame, error) {
	b, err := w.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encode %v: %w", t, err)
	}
	return &Frame{Type: t, Body: b}, nil
}

// EncodeFrame returns the frame of a message that is not a Request. to is
// whom it goes to, nil if that is a persistent actor, which the message names;
// self is this node's name.
func EncodeFrame(m any, to *actor.PID, self string) (*Frame, error) {
	id := ""
	if to != nil {
		id = to.Id
	}
	switch m := m.(type) {
	case *actors.Attach:
		w := connOf(m.Gate, self)
		w.Key, w.Conn, w.Turn, w.After = string(m.Key), m.Conn, m.Turn, placeOf(m.After)
		return frame(FrameType_FRAME_ATTACH, w)
	case *actors.Detach:
		w := connOf(m.Gate, self)
		w.Key, w.Conn, w.Upto, w.Transport, w.AfterPos, w.UptoPos = string(m.Key), m.Conn, m.Upto, m.Transport, m.Casts.After, m.Casts.Upto
		return frame(FrameType_FRAME_DETACH, w)
	case *actors.Pull:
		w := connOf(m.Gate, self)
		w.Key, w.Conn, w.Turn, w.After, w.Again = string(m.Key), m.Conn, m.Turn, placeOf(&m.After), m.Again
		return frame(FrameType_FRAME_PULL, w)
	case *actors.Reached:
		return frame(FrameType_FRAME_REACHED, &WireConn{Key: string(m.Key), Upto: m.Upto, Transport: m.Transport, AfterPos: m.Casts.After, UptoPos: m.Casts.Upto, Sight: uint32(m.Sight)})
	case *actors.Gone:
		return frame(FrameType_FRAME_GONE, &WireConn{Key: string(m.Key), Gate: id})
	case *actors.Kick:
		return frame(FrameType_FRAME_KICK, &WireConn{Key: string(m.Key), Gate: id, Why: uint32(m.Why)})
	case *actors.WhoIs:
		return frame(FrameType_FRAME_WHO_IS, &WireConn{Key: string(m.Key), Gate: id, User: m.User.Id, Query: m.Query})
	case *actors.Described:
		return encodeDescribed(m, id)
	case *actors.Greeting:
		return frame(FrameType_FRAME_GREETING, &WireGreeting{
			Key: string(m.Key), Gate: id, Conn: m.Conn, Turn: m.Turn, At: placeOf(&m.At), Head: placeOf(&m.Head), Counts: m.Counts,
			Recovered: m.Recovered, Reset_: m.Reset, Refused: uint32(m.Refused),
		})
	case *actors.PageRead:
		w := &WirePush{Unreadable: true}
		if m.Push != nil {
			w = wirePush(m.Push)
		}
		w.Gate, w.Conn, w.Turn = id, m.Conn, m.Turn
		return frame(FrameType_FRAME_PAGE, w)
	case *actors.Push:
		w := wirePush(m)
		w.Gate = id
		return frame(FrameType_FRAME_PUSH, w)
	case *actors.Notice:
		return encodeTidings(m, id)
	}
	return nil, fmt.Errorf("%T does not cross nodes", m)
}

// connOf begins what a gateway says.
func connOf(gate *actor.PID, self string) *WireConn {
	w := &WireConn{Gate: gate.Id}
	if gate.Address != self {
		w.Node = gate.Address // it was sent to us, and we pass it on
	}
	return w
}

func encodeDescribed(m *actors.Described, id string) (*Frame, error) {
	w := &WireDescribed{User: id, Query: m.Query, Gate: m.Gate.Id}
	for _, c := range m.Conns {
		w.Conns = append(w.Conns, &WireConnInfo{Id: c.ID, Transport: c.Transport, Address: c.Address, Since: c.Since, Hidden: !c.Visible})
	}
	return frame(FrameType_FRAME_DESCRIBED, w)
}

func placeOf(c *actors.Cursor) *WirePlace {
	if c == nil {
		return nil
	}
	return &WirePlace{Lineage: c.Lineage, Seq: c.Seq, Pos: c.Pos}
}

func (w *WirePlace) cursor() (c actors.Cursor) {
	if w != nil {
		c = actors.Cursor{Lineage: w.Lineage, Seq: w.Seq, Pos: w.Pos}
	}
	return c
}

func (w *WirePlace) cursorOrNil() *actors.Cursor {
	if w == nil {
		return nil
	}
	c := w.cursor()
	return &c
}

func wirePush(p *actors.Push) *WirePush {
	w := &WirePush{Key: string(p.Key), From: placeOf(&p.From), To: placeOf(&p.To), More: p.More, Hole: p.Hole, Events: make([]*WireEvent, len(p.Events))}
	for i := range p.Events {
		e := &p.Events[i]
		w.Events[i] = &WireEvent{Type: e.Type, To: placeOf(&e.To), Json: e.JSON, Counts: uint32(len(e.Counts))}
	}
	return w
}

// DecodeFrame reads a frame that is neither an answer nor for the node itself.
// gate returns the address of a gateway: on the node that has sent the frame,
// if node is empty.
func DecodeFrame(f *Frame, gate func(node, id string) *actor.PID) (Crossing, error) {
	switch t := f.Type; t {
	case FrameType_FRAME_REQUEST:
		return decodeRequest(f.Body, gate)
	case FrameType_FRAME_ATTACH, FrameType_FRAME_DETACH, FrameType_FRAME_PULL, FrameType_FRAME_REACHED,
		FrameType_FRAME_GONE, FrameType_FRAME_KICK, FrameType_FRAME_WHO_IS:
		w := &WireConn{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return Crossing{}, fmt.Errorf("decode %v: %w", t, err)
		}
		return decodeConn(t, w, gate)
	case FrameType_FRAME_DESCRIBED:
		w := &WireDescribed{}
		if err := w.UnmarshalVT(f.Body); err != nil {
			return Crossing{}, fmt.Errorf("decode %v: %w", t, err)
		}
		m := &actors.Described{Gate: gate("", w.Gate), Query: w.Query}
		for _, c := range w.Conns {
			m.Conns = append(m.Conns, actors.ConnInfo{ID: c.Id, Transport: c.Transport, Address: c.Address, Since: c.Since, Visible: !c.Hidden})
		}
		return Crossing{Message: m, PID: w.User}, nil
	case FrameType_FRAME_GREETING:
		return decodeGreeting(f.Body)
	case FrameType_FRAME_PUSH, FrameType_FRAME_PAGE:
		return decodePush(t, f.Body)
	case FrameType_FRAME_TIDINGS:
		return decodeTidings(f.Body)
	}
	return Crossing{}, fmt.Errorf("a frame of type %d, which this program does not know", f.Type)
}

func decodeConn(t FrameType, w *WireConn, gate func(node, id string) *actor.PID) (Crossing, error) {
	key, err := actors.ParseUserKey(w.Key)
	if err != nil {
		return Crossing{}, err
	}
	switch t {
	case FrameType_FRAME_ATTACH:
		return Crossing{Key: key, Message: &actors.Attach{Gate: gate(w.Node, w.Gate), Key: key, Conn: w.Conn, Turn: w.Turn, After: w.After.cursorOrNil()}}, nil
	case FrameType_FRAME_DETACH:
		return Crossing{Key: key, Message: &actors.Detach{Gate: gate(w.Node, w.Gate), Key: key, Conn: w.Conn, Upto: w.Upto, Transport: w.Transport, Casts: actors.Span{After: w.AfterPos, Upto: w.UptoPos}}}, nil
	case FrameType_FRAME_PULL:
		return Crossing{Key: key, Message: &actors.Pull{Gate: gate(w.Node, w.Gate), Key: key, Conn: w.Conn, Turn: w.Turn, After: w.After.cursor(), Again: w.Again}}, nil
	case FrameType_FRAME_REACHED:
		return Crossing{Key: key, Message: &actors.Reached{Key: key, Upto: w.Upto, Transport: w.Transport, Casts: actors.Span{After: w.AfterPos, Upto: w.UptoPos}, Sight: actors.Sight(min(w.Sight, math.MaxUint8))}}, nil
	case FrameType_FRAME_GONE:
		return Crossing{PID: w.Gate, Message: &actors.Gone{Key: key}}, nil
	case FrameType_FRAME_KICK:
		why, err := parseEnd(w.Why)
		return Crossing{PID: w.Gate, Message: &actors.Kick{Key: key, Why: why}}, err
	}
	return Crossing{PID: w.Gate, Message: &actors.WhoIs{Key: key, User: gate(w.Node, w.User), Query: w.Query}}, nil
}

func decodeGreeting(b []byte) (Crossing, error) {
	w := &WireGreeting{}
	if err := w.UnmarshalVT(b); err != nil {
		return Crossing{}, fmt.Errorf("decode a greeting: %w", err)
	}
	refused, err := parseEnd(w.Refused)
	if err != nil {
		return Crossing{}, err
	}
	m := &actors.Greeting{Conn: w.Conn, Turn: w.Turn, At: w.At.cursor(), Head: w.Head.cursor(), Counts: w.Counts,
		Recovered: w.Recovered, Reset: w.Reset_, Refused: refused}
	if refused == actors.EndGone || w.Key != "" {
		m.Key, err = actors.ParseUserKey(w.Key)
	}
	return Crossing{PID: w.Gate, Message: m}, err
}

func decodePush(t FrameType, b []byte) (Crossing, error) {
	w := &WirePush{}
	if err := w.UnmarshalVT(b); err != nil {
		return Crossing{}, fmt.Errorf("decode %v: %w", t, err)
	}
	if t == FrameType_FRAME_PAGE && w.Unreadable {
		return Crossing{PID: w.Gate, Message: &actors.PageRead{Conn: w.Conn, Turn: w.Turn}}, nil
	}
	key, err := actors.ParseUserKey(w.Key)
	if err != nil {
		return Crossing{}, err
	}
	p := &actors.Push{Key: key, From: w.From.cursor(), To: w.To.cursor(), More: w.More, Hole: w.Hole, Events: make([]actors.PushEvent, len(w.Events))}
	for i, e := range w.Events {
		if p.Events[i], err = e.event(); err != nil {
			return Crossing{}, fmt.Errorf("decode %v: %w", t, err)
		}
	}
	if t == FrameType_FRAME_PAGE {
		return Crossing{PID: w.Gate, Message: &actors.PageRead{Conn: w.Conn, Turn: w.Turn, Push: p}}, nil
	}
	return Crossing{PID: w.Gate, Message: p}, nil
}

// event returns the event, with the texts that lie within its JSON.
func (w *WireEvent) event() (actors.PushEvent, error) {
	e := actors.PushEvent{Type: w.Type, To: w.To.cursor(), JSON: w.Json}
	id := e.To.Append(make([]byte, 0, actors.MaxCursor))
	from := len(actors.EventHead) + len(e.Type) + len(actors.EventCursor)
	to := from + len(id)
	counts := len(e.JSON) - 1 - int(w.Counts)
	if counts < to || !bytes.Equal(e.JSON[from:to], id) {
		return e, errors.New("an event whose JSON does not hold its cursor and counts")
	}
	e.ID, e.Counts = e.JSON[from:to:to], e.JSON[counts:len(e.JSON)-1:len(e.JSON)-1]
	return e, nil
}

func parseEnd(n uint32) (actors.End, error) {
	if n >= uint32(actors.NumEnds) {
		return actors.EndFailed, fmt.Errorf("a connection's end %d, which this program does not know", n)
	}
	return actors.End(n), nil
}
