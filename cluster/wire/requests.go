package wire

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// Requests and answers as frames.

// EncodeRequest returns the frame of a request. id is what its answer is to
// name.
func EncodeRequest(id uint64, r *actors.Request) (*Frame, error) {
	w := &WireRequest{Id: id, Key: string(r.Key)}
	if !r.Once.IsZero() {
		w.Once, w.Digest, w.Edge = r.Once.Key[:], r.Once.Digest, r.Once.Edge
	}
	if c, ok := r.Command.(*actors.DryRun); ok {
		of := &WireRequest{}
		if err := of.encodeCommand(c.Of); err != nil {
			return nil, err
		}
		w.Other = &WireRequest_DryRun{of}
	} else if err := w.encodeCommand(r.Command); err != nil {
		return nil, err
	}
	return frame(FrameType_FRAME_REQUEST, w)
}

// encodeCommand fills in the command.
func (w *WireRequest) encodeCommand(cmd actors.Command) error {
	switch c := cmd.(type) {
	case *actors.Publish:
		w.Command, w.Message = WireCommand_COMMAND_PUBLISH, c.Message
	case *actors.Edit:
		w.Command, w.Ids, w.Patch = WireCommand_COMMAND_EDIT, c.ID[:], c.Patch
	case *actors.Retract:
		w.Command, w.Ids = WireCommand_COMMAND_RETRACT, c.ID[:]
		if c.Brief {
			w.To = briefly
		}
	case *actors.Mark:
		w.Command, w.To, w.Ids = WireCommand_COMMAND_MARK, uint32(c.To), actors.PackIDs(c.IDs)
		w.At, w.Category, w.Until = placeOf(c.UpTo), c.Category, c.Until
	case *actors.Counts:
		w.Command = WireCommand_COMMAND_COUNTS
	case *actors.List:
		w.Command, w.State, w.Category, w.Limit, w.Next = WireCommand_COMMAND_LIST, c.State, c.Category, wireLimit(c.Limit), c.Next
	case *actors.Find:
		w.Command, w.Ids = WireCommand_COMMAND_FIND, c.ID[:]
	case *actors.Replay:
		w.Command, w.At, w.Limit = WireCommand_COMMAND_REPLAY, placeOf(&c.After), wireLimit(c.Limit)
	case *actors.Connections:
		w.Command = WireCommand_COMMAND_CONNECTIONS
	case *actors.Presence:
		w.Command = WireCommand_COMMAND_PRESENCE
	case *actors.Disconnect:
		w.Command, w.To = WireCommand_COMMAND_DISCONNECT, uint32(c.Why)
	case *actors.JournalPage:
		w.Command, w.Number, w.Limit = WireCommand_COMMAND_JOURNAL_PAGE, c.After, wireLimit(c.Limit)
	case *actors.StateAt:
		w.Command, w.Number = WireCommand_COMMAND_STATE_AT, c.Rev
	case *actors.Export:
		w.Command = WireCommand_COMMAND_EXPORT
	case *actors.StartSend:
		w.Command, w.Message, w.Users = WireCommand_COMMAND_START_SEND, c.Message, c.Users
	default:
		if !w.encodeSession(c) && !w.encodeOther(c) {
			return fmt.Errorf("%T does not cross nodes", c)
		}
	}
	if tenant := tenantOf(cmd); tenant != "" {
		w.Command, w.Other = WireCommand_COMMAND_NONE, &WireRequest_OfTenant{&WireOfTenant{Command: w.Command, Tenant: tenant}}
	}
	return nil
}

// briefly is the To of a Retract that is Brief.
const briefly = 1

// wireLimit returns a limit as it crosses nodes: what is below zero is none.
func wireLimit(n int) uint32 { return uint32(max(0, min(n, 1<<30))) }

// decodeRequest returns the request that a frame holds. One with a command
// that this program does not know comes without its Command.
func decodeRequest(b []byte, gate func(node, id string) *actor.PID) (Crossing, error) {
	w := &WireRequest{}
	if err := w.UnmarshalVT(b); err != nil {
		return Crossing{}, fmt.Errorf("decode a request: %w", err)
	}
	key, err := actors.ParseKey(w.Key)
	if err != nil {
		return Crossing{}, err
	}
	if len(w.Once) != 0 && len(w.Once) != 16 || len(w.Ids)%16 != 0 {
		return Crossing{}, fmt.Errorf("decode a request: %d bytes are no key, or %d no ids", len(w.Once), len(w.Ids))
	}
	c, err := w.decodeCommand(gate)
	if err != nil {
		return Crossing{}, fmt.Errorf("decode a request: %w", err)
	}
	r := actors.NewRequest(key, c)
	if len(w.Once) == 16 {
		r.Once = actors.Once{Key: [16]byte(w.Once), Digest: w.Digest, Edge: w.Edge}
	}
	return Crossing{Key: key, Message: r, ID: w.Id}, nil
}

// decodeCommand returns the command; nil if this program does not know it.
func (w *WireRequest) decodeCommand(gate func(node, id string) *actor.PID) (actors.Command, error) {
	switch w.Command {
	case WireCommand_COMMAND_PUBLISH, WireCommand_COMMAND_START_SEND:
		if !isWhole(w.Message) {
			return nil, fmt.Errorf("command %v without a message as it has to be", w.Command)
		}
		if w.Command == WireCommand_COMMAND_START_SEND {
			return &actors.StartSend{Message: w.Message, Users: w.Users}, nil
		}
		return &actors.Publish{Message: w.Message}, nil
	case WireCommand_COMMAND_EDIT, WireCommand_COMMAND_RETRACT, WireCommand_COMMAND_FIND:
		if len(w.Ids) != 16 {
			return nil, fmt.Errorf("command %v with %d bytes of id", w.Command, len(w.Ids))
		}
		return w.decodeOne(actors.ID(w.Ids)), nil
	case WireCommand_COMMAND_MARK:
		if w.To == 0 || w.To > uint32(actors.MarkSnoozed) {
			return nil, fmt.Errorf("marking %d", w.To)
		}
		m := &actors.Mark{To: actors.Marking(w.To), UpTo: w.At.cursorOrNil(), Category: w.Category, Until: w.Until}
		actors.EachID(w.Ids, func(id actors.ID) { m.IDs = append(m.IDs, id) })
		return m, nil
	case WireCommand_COMMAND_DISCONNECT:
		why, err := parseEnd(w.To)
		return &actors.Disconnect{Why: why}, err
	}
	if w.Command == WireCommand_COMMAND_NONE {
		return w.decodeOther(gate)
	}
	if w.Command >= WireCommand_COMMAND_OPEN_SESSION && w.Command <= WireCommand_COMMAND_RETAINED {
		return w.decodeSession(gate)
	}
	return w.decodeQuery(), nil
}

// isWhole tells whether a message that is to be published is as it has to be.
func isWhole(m *actors.Message) bool {
	return m != nil && len(m.Id) == 16 && m.Category != "" && m.Priority >= 0 && m.Priority <= actors.Priority_CRITICAL
}

func (w *WireRequest) decodeOne(id actors.ID) actors.Command {
	switch w.Command {
	case WireCommand_COMMAND_EDIT:
		return &actors.Edit{ID: id, Patch: w.Patch}
	case WireCommand_COMMAND_RETRACT:
		return &actors.Retract{ID: id, Brief: w.To == briefly}
	default:
		return &actors.Find{ID: id}
	}
}

func (w *WireRequest) decodeQuery() actors.Command {
	switch w.Command {
	case WireCommand_COMMAND_COUNTS:
		return &actors.Counts{}
	case WireCommand_COMMAND_LIST:
		return &actors.List{State: w.State, Category: w.Category, Limit: int(w.Limit), Next: w.Next}
	case WireCommand_COMMAND_REPLAY:
		return &actors.Replay{After: w.At.cursor(), Limit: int(w.Limit)}
	case WireCommand_COMMAND_CONNECTIONS:
		return &actors.Connections{}
	case WireCommand_COMMAND_PRESENCE:
		return &actors.Presence{}
	case WireCommand_COMMAND_JOURNAL_PAGE:
		return &actors.JournalPage{After: w.Number, Limit: int(w.Limit)}
	case WireCommand_COMMAND_STATE_AT:
		return &actors.StateAt{Rev: w.Number}
	case WireCommand_COMMAND_EXPORT:
		return &actors.Export{}
	}
	return nil
}

// EncodeAnswer returns the frame of the answer to the request id.
func EncodeAnswer(id uint64, a *actors.Answer) (*Frame, error) {
	w := &WireAnswer{Id: id, Rev: a.Rev, Outcome: uint32(a.Outcome), Reason: a.Reason, Replayed: a.Replayed,
		Counts: a.Counts, Unknown: actors.PackIDs(a.Unknown), Body: a.Body, More: a.More}
	if e := a.Err; e != nil {
		w.Code, w.Detail, w.Field, w.RetryAfter = string(e.Code), e.Detail, e.Field, e.RetryAfter.Milliseconds()
	}
	if !a.ID.IsZero() {
		w.Message = a.ID[:]
	}
	if a.Cursor != (actors.Cursor{}) {
		w.Cursor = placeOf(&a.Cursor)
	}
	w.encodeSession(a)
	return frame(FrameType_FRAME_ANSWER, w)
}

// EncodeNotOwner returns the answer to a request that was not taken in because
// another node owns the actor.
func EncodeNotOwner(id uint64) (*Frame, error) {
	return frame(FrameType_FRAME_ANSWER, &WireAnswer{Id: id, NotOwner: true})
}

// A Reply is an answer that has come from another node.
type Reply struct {
	ID       uint64 // of the request
	NotOwner bool   // nothing was done
	wire     WireAnswer
}

// DecodeReply reads the frame of an answer.
func DecodeReply(b []byte) (*Reply, error) {
	r := &Reply{}
	w := &r.wire
	if err := w.UnmarshalVT(b); err != nil {
		return nil, fmt.Errorf("decode an answer: %w", err)
	}
	if len(w.Message) != 0 && len(w.Message) != 16 || len(w.Unknown)%16 != 0 || w.Outcome > uint32(actors.Filtered) {
		return nil, fmt.Errorf("decode an answer: %d bytes of id, %d of unknown ids, outcome %d", len(w.Message), len(w.Unknown), w.Outcome)
	}
	r.ID, r.NotOwner = w.Id, w.NotOwner
	return r, nil
}

// Fill sets the answer.
func (r *Reply) Fill(a *actors.Answer) {
	w := &r.wire
	*a = actors.Answer{Rev: w.Rev, Outcome: actors.Outcome(w.Outcome), Reason: w.Reason, Replayed: w.Replayed,
		Cursor: w.Cursor.cursor(), Counts: append(a.Counts[:0], w.Counts...), Body: w.Body, More: w.More}
	if len(w.Message) == 16 {
		a.ID = actors.ID(w.Message)
	}
	actors.EachID(w.Unknown, func(id actors.ID) { a.Unknown = append(a.Unknown, id) })
	w.fillSession(a)
	if w.Code != "" {
		a.Err = &actors.Error{Code: actors.Code(w.Code), Detail: w.Detail, Field: w.Field, RetryAfter: time.Duration(w.RetryAfter) * time.Millisecond}
	}
}
