package judge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// An inbox as it should be: the sequential specification that the histories of
// operations are held against.
type inbox struct {
	tally    Tally
	messages string   // a letter each: its state
	labels   *[]Label // of the messages
}

// The states of a message.
const (
	absent = '-'
	unseen = 'n'
	seen   = 's'
	read   = 'r'
)

// label returns what a message says of itself.
func (b inbox) label(number int) Label {
	if b.labels == nil || number >= len(*b.labels) {
		return Label{}
	}
	return (*b.labels)[number]
}

// become gives a message a state.
func (b inbox) become(number int, is byte) inbox {
	was := b.messages[number]
	b.messages = b.messages[:number] + string(is) + b.messages[number+1:]
	b.tally.Unread += unreads(is) - unreads(was)
	b.tally.Unseen += unseens(is) - unseens(was)
	return b
}

// readAll reads all messages, or those of a tenant.
func (b inbox) readAll(tenant string) inbox {
	after := b
	for i := range b.messages {
		if s := b.messages[i]; s != absent && s != read && (tenant == "" || b.label(i).Tenant == tenant) {
			after = after.become(i, read)
		}
	}
	if after.messages != b.messages {
		after.tally.Rev++
	}
	return after
}

// of returns the counts of a tenant's messages.
func (b inbox) of(tenant string) Tally {
	t := Tally{Rev: b.tally.Rev}
	for i := range b.messages {
		if b.label(i).Tenant == tenant {
			t.Unread += unreads(b.messages[i])
			t.Unseen += unseens(b.messages[i])
		}
	}
	return t
}

// expire lets messages leave together.
func (b inbox) expire(numbers []int) (inbox, bool) {
	for _, n := range numbers {
		if n >= len(b.messages) || b.messages[n] == absent {
			return b, false
		}
		b = b.become(n, absent)
	}
	b.tally.Rev++
	return b, true
}

// collapse lets the message leave whose collapse key a new one has.
func (b inbox) collapse(number int) inbox {
	l := b.label(number)
	for i := range b.messages {
		if i != number && b.messages[i] != absent && l.collapses(b.label(i)) {
			b = b.become(i, absent)
		}
	}
	return b
}

// apply returns the inbox after an operation; false: it can't be done.
func (b inbox) apply(op Op) (inbox, bool) {
	k, number := op.Kind, op.Message
	switch k {
	case Counts:
		return b, true
	case ReadAll:
		return b.readAll(op.Tenant), true
	case expires:
		return b.expire(op.Numbers)
	}
	if missing := number + 1 - len(b.messages); missing > 0 {
		b.messages += strings.Repeat(string(absent), missing)
	}
	was := b.messages[number]
	is, ok := next(k, was)
	switch {
	case ok && k == recasts:
		b.tally.Rev++
		return b, true
	case !ok || is == was:
		return b, ok
	}
	if k == Publish || k == shows {
		b = b.collapse(number)
	}
	b = b.become(number, is)
	b.tally.Rev++
	return b, true
}

// next returns a message's state after an operation on it.
func next(k Kind, was byte) (byte, bool) {
	switch {
	case k == Publish || k == shows:
		return unseen, was == absent // a second time is once too often
	case was == absent:
		return was, false // nobody can know its id, or it has left
	case k == withdraws:
		return absent, true
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
	after, ok := b.apply(op)
	switch {
	case op.Stopped:
		return b, op.Tally == b.tally
	case op.Missing:
		return b, !ok && (op.Rev == 0 || op.Tally == b.tally)
	case !ok && !op.Answered && op.Kind != Publish:
		return b, true // the message had left
	case !ok && op.Repeated && op.Kind != Publish && op.Kind < shows:
		return b, op.Rev == b.tally.Rev // so it had at the first time
	case !ok:
		return b, false
	case !op.Answered:
		return after, true
	case op.Kind != Counts && op.Rev != after.tally.Rev:
		return b, false
	case op.Kind == Counts && op.Tenant != "":
		return after, op.Tally == after.of(op.Tenant)
	case !op.Repeated && op.Tally != after.tally:
		return b, false
	}
	return after, true
}

// model returns the inbox for porcupine.
func model(labels *[]Label) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return inbox{labels: labels} },
		Step: func(state, input, _ any) (bool, any) {
			after, ok := state.(inbox).step(input.(Op))
			return ok, after
		},
	}
}

// linearizable says why the operations on a user, and what was merged, can't have happened
// one after the other, each at a moment between its call and its return; nil: they can.
func linearizable(h *UserHistory, merged []Op, patience time.Duration) error {
	all, labels := slices.Concat(h.Ops, merged), slices.Clone(h.Labels)
	ops := make([]porcupine.Operation, 0, len(all))
	for i := range all {
		op := &all[i]
		op.Tally.Labels = "" // the journal tells them, by the rev
		if op.Kind == shows {
			labels = append(labels, make([]Label, max(0, op.Message+1-len(labels)))...)
			labels[op.Message] = op.Label
		}
	}
	model := model(&labels)
	for _, op := range all {
		ops = append(ops, porcupine.Operation{ClientId: op.Caller, Input: op, Call: int64(op.Call), Return: int64(op.Return)})
	}
	switch porcupine.CheckOperationsTimeout(model, ops, patience) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("whether its %d operations are linearizable was not found out in %v", len(ops), patience)
	}
	return fmt.Errorf("its %d operations are not linearizable; %s; %s", len(ops), stuck(h.Ops), furthest(model, all, ops, patience))
}

// furthest tells after which operations no other one makes sense.
func furthest(model porcupine.Model, all []Op, ops []porcupine.Operation, patience time.Duration) string {
	_, info := porcupine.CheckOperationsVerbose(model, ops, patience)
	var most []int
	for _, part := range info.PartialLinearizations() {
		for _, line := range part {
			if len(line) > len(most) {
				most = line
			}
		}
	}
	state, done := model.Init().(inbox), make(map[int]bool)
	for _, i := range most {
		state, _ = state.step(all[i])
		done[i] = true
	}
	next := -1
	for i, op := range all {
		if !done[i] && (next < 0 || op.Return < all[next].Return) {
			next = i
		}
	}
	if next < 0 {
		return "all make sense"
	}
	return fmt.Sprintf("%d make sense, up to %+v; then not %+v", len(most), state.tally, all[next])
}

// register says why reads and writes of a profile can't have happened one after the other;
// nil: they can.
func register(list []ProfileOp, patience time.Duration) error {
	ops := make([]porcupine.Operation, 0, len(list))
	for _, op := range list {
		if op.Answered || !op.Read {
			ops = append(ops, porcupine.Operation{Input: op, Call: int64(op.Call), Return: int64(op.Return)})
		}
	}
	m := porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, _ any) (bool, any) {
			op := input.(ProfileOp)
			return !op.Read || state == op.Value, op.Value
		},
	}
	if r := porcupine.CheckOperationsTimeout(m, ops, patience); r != porcupine.Ok {
		return fmt.Errorf("reads and writes are not linearizable (%v): %+v", r, list)
	}
	return nil
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
