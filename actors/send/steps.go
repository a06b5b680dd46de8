package send

import (
	"errors"
	"fmt"
	"slices"

	"reddot/actors"
)

// state is the pure state of a send: a message, its users, and the steps
// that each of them is still to take: the message itself, its edits, its
// retraction. A step begins when all users have the one before.
type state struct {
	seq     uint64
	kept    uint64 // the seq of the newest snapshot
	message *actors.Message
	users   []string
	at      int64 // ordered, unix milliseconds
	told    int64 // when users last had a step, likewise
	steps   []sendStep
	keys    map[[16]byte]sendKey // of the requests that made the steps
}

type sendKey struct {
	digest uint64
	at     int64
}

// sendStep is one thing that all users are told.
type sendStep struct {
	kind   actors.SendKind
	at     int64    // ordered, unix milliseconds
	once   [16]byte // under this key each user does it once
	patch  []byte
	done   []bool // by user
	left   int
	failed int
}

// step returns the number of the step that is under way; len(steps): none is.
func (s *state) step() int {
	for i := range s.steps {
		if s.steps[i].left > 0 {
			return i
		}
	}
	return len(s.steps)
}

// Apply takes in one event, a fresh one or one that the journal replays.
func (s *state) Apply(e *actors.SendEvent) error {
	if e.Seq != s.seq+1 {
		return fmt.Errorf("event %d follows event %d: the journal is damaged", e.Seq, s.seq)
	}
	switch e.Kind {
	case actors.SendKind_SEND_STARTED:
		if e.Message == nil || len(e.Message.Id) != 16 || s.message != nil {
			return fmt.Errorf("event %d has no message, or there is one already", e.Seq)
		}
		s.message, s.users, s.at, s.told = e.Message, e.Users, e.At, e.At
		s.add(e)
	case actors.SendKind_SEND_EDITED, actors.SendKind_SEND_RETRACTED:
		if s.message == nil {
			return fmt.Errorf("event %d is about a message that was not sent", e.Seq)
		}
		s.add(e)
	case actors.SendKind_SEND_PROGRESS:
		if int(e.Step) >= len(s.steps) {
			return fmt.Errorf("event %d is about step %d of %d", e.Seq, e.Step, len(s.steps))
		}
		s.told = max(s.told, e.At)
		t := &s.steps[e.Step]
		t.failed += int(e.Failed)
		for _, i := range e.Done {
			if int(i) < len(t.done) && !t.done[i] {
				t.done[i] = true
				t.left--
			}
		}
	default:
		return fmt.Errorf("event %d is of kind %d, which this program does not know: it is older than the data", e.Seq, e.Kind)
	}
	s.seq = e.Seq
	return nil
}

// add begins a step.
func (s *state) add(e *actors.SendEvent) {
	s.steps = append(s.steps, sendStep{
		kind: e.Kind, at: e.At, once: s.once(len(s.steps)), patch: e.Patch, done: make([]bool, len(s.users)), left: len(s.users),
	})
	if len(e.Once) == 16 {
		s.key([16]byte(e.Once), sendKey{e.Digest, e.At})
	}
}

// once returns the key under which users do the step n: the message's id with
// the number mixed in.
func (s *state) once(n int) [16]byte {
	once := [16]byte(s.message.Id)
	once[6] ^= byte(n >> 8)
	once[7] ^= byte(n)
	return once
}

func (s *state) key(once [16]byte, k sendKey) {
	if s.keys == nil {
		s.keys = make(map[[16]byte]sendKey)
	}
	s.keys[once] = k
}

// maxSendSteps bounds how often one send can be edited.
const maxSendSteps = 1000

// decide returns the event for a request to the send; nil if it was done
// before under its key.
func (s *state) decide(e *actors.SendEvent, once actors.Once) (*actors.SendEvent, *actors.Error) {
	if k, ok := s.keys[once.Key]; ok && !once.IsZero() {
		if k.digest != once.Digest {
			return nil, actors.Errorf(actors.IdempotencyConflict, "this Idempotency-Key was used for another request")
		}
		return nil, nil
	}
	switch {
	case e.Kind == actors.SendKind_SEND_STARTED && s.message != nil:
		return nil, nil // the id is its key
	case e.Kind != actors.SendKind_SEND_STARTED && s.message == nil, s.retracted(),
		e.Kind == actors.SendKind_SEND_EDITED && s.message.Cleared:
		return nil, actors.ErrNotHere
	case len(s.steps) >= maxSendSteps:
		return nil, actors.Errorf(actors.TooMany, "a message can't be edited more than %d times", maxSendSteps)
	}
	e.Seq = s.seq + 1
	if !once.IsZero() {
		e.Once, e.Digest = once.Key[:], once.Digest
	}
	return e, nil
}

func (s *state) retracted() bool {
	return slices.ContainsFunc(s.steps, func(t sendStep) bool { return t.kind == actors.SendKind_SEND_RETRACTED })
}

// command returns what a user is asked in a step.
func (s *state) command(t *sendStep) actors.Command {
	switch t.kind {
	case actors.SendKind_SEND_EDITED:
		return &actors.Edit{ID: actors.ID(s.message.Id), Patch: t.patch}
	case actors.SendKind_SEND_RETRACTED:
		return &actors.Retract{ID: actors.ID(s.message.Id)}
	}
	m := s.message.Copy()
	m.Shared = true
	return &actors.Publish{Message: m}
}

// decodeSendEvent reads an event as encodeSendEvent wrote it.
func decodeSendEvent(b []byte) (*actors.SendEvent, error) {
	if len(b) == 0 || b[0] != actors.EventVersion {
		return nil, errors.New("an event in an encoding that this program does not know")
	}
	e := &actors.SendEvent{}
	return e, e.UnmarshalVT(b[1:])
}

func encodeSendEvent(e *actors.SendEvent) []byte {
	b := make([]byte, 1+e.SizeVT())
	b[0] = actors.EventVersion
	if _, err := e.MarshalToSizedBufferVT(b[1:]); err != nil {
		panic(err) // the space is measured
	}
	return b
}
