package chaos

import (
	"fmt"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// An inbox as it should be: the sequential specification that the histories of
// operations are held against.
type inbox struct {
	tally    Tally
	messages string // a letter each: its state
}

// The states of a message.
const (
	absent = '-'
	unseen = 'n'
	seen   = 's'
	read   = 'r'
)

// apply returns the inbox after an operation; false: it can't be done.
func (b inbox) apply(k Kind, number int) (inbox, bool) {
	switch k {
	case Counts:
		return b, true
	case ReadAll:
		after := strings.Map(func(s rune) rune {
			if s == absent {
				return absent
			}
			return read
		}, b.messages)
		if after != b.messages {
			b = inbox{Tally{b.tally.Rev + 1, 0, 0}, after}
		}
		return b, true
	}
	if missing := number + 1 - len(b.messages); missing > 0 {
		b.messages += strings.Repeat(string(absent), missing)
	}
	was := b.messages[number]
	is, ok := next(k, was)
	if !ok || is == was {
		return b, ok
	}
	b.messages = b.messages[:number] + string(is) + b.messages[number+1:]
	b.tally.Rev++
	b.tally.Unread += unreads(is) - unreads(was)
	b.tally.Unseen += unseens(is) - unseens(was)
	return b, true
}

// next returns a message's state after an operation on it.
func next(k Kind, was byte) (byte, bool) {
	if k == Publish {
		return unseen, was == absent // a second time is once too often
	}
	switch {
	case was == absent:
		return was, false // nobody can know its id
	case k == Read:
		return read, true
	case k == Seen && was == unseen, k == Unread && was == read:
		return seen, true
	}
	return was, true
}

func unreads(s byte) int {
	if s == unseen || s == seen {
		return 1
	}
	return 0
}

func unseens(s byte) int {
	if s == unseen {
		return 1
	}
	return 0
}

// step takes an operation with its answer; false: an inbox can't have answered so.
func (b inbox) step(op Op) (inbox, bool) {
	after, ok := b.apply(op.Kind, op.Message)
	switch {
	case !ok:
		return b, false
	case !op.Answered:
		return after, true
	case op.Kind != Counts && op.Rev != after.tally.Rev:
		return b, false
	case !op.Repeated && op.Tally != after.tally:
		return b, false
	}
	return after, true
}

// model is the inbox for porcupine.
var model = porcupine.Model{
	Init: func() any { return inbox{} },
	Step: func(state, input, _ any) (bool, any) {
		after, ok := state.(inbox).step(input.(Op))
		return ok, after
	},
}

// linearizable says why the operations on a user can't have happened one after
// the other, each at a moment between its call and its return; nil: they can.
func linearizable(h *UserHistory, patience time.Duration) error {
	ops := make([]porcupine.Operation, 0, len(h.Ops))
	for _, op := range h.Ops {
		ops = append(ops, porcupine.Operation{ClientId: op.Caller, Input: op, Call: int64(op.Call), Return: int64(op.Return)})
	}
	switch porcupine.CheckOperationsTimeout(model, ops, patience) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("whether its %d operations are linearizable was not found out in %v", len(ops), patience)
	}
	return fmt.Errorf("its %d operations are not linearizable; %s", len(ops), stuck(h.Ops))
}

// stuck tells where a history stops making sense: the first answer, by rev, that
// none of the operations explains.
func stuck(ops []Op) string {
	made := make(map[uint64][]Op)
	top := uint64(0)
	for _, op := range ops {
		if op.Answered && op.Kind != Counts && op.Kind != ReadAll {
			made[op.Rev] = append(made[op.Rev], op)
			top = max(top, op.Rev)
		}
	}
	for rev := uint64(1); rev <= top; rev++ {
		publishes := 0
		for _, op := range made[rev] {
			if op.Kind == Publish {
				publishes++
			}
		}
		if publishes > 1 {
			return fmt.Sprintf("rev %d was given to %d publishes: %+v", rev, publishes, made[rev])
		}
	}
	return "no rev was given to two publishes"
}
