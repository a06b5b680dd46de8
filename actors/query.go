package actors

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
)

// Queries. What is in memory is answered in the turn; contents are read
// elsewhere, from copies of what the actor knew, once all that is durable.

// listBytes is about how large a page of a list is at most, however many messages
// it may have: it waits in memory for whoever asked for it and does not read.
const listBytes = 256 << 10

// list answers with messages, newest first.
func (u *User) list(r *Request, c *List) {
	before, err := parseNext(c.Next)
	if err != nil {
		u.refuse(r, err)
		return
	}
	match, ok := stateFilter(c.State)
	if !ok {
		u.refuse(r, &Error{Code: Invalid, Field: "state", Detail: "want unseen, seen, unread, read, archived, snoozed, scheduled or all"})
		return
	}
	var found []entry
	b := u.inbox
	next := ""
	for i := len(b.entries) - 1; i >= 0; i-- {
		n := &b.entries[i]
		if n.seq >= before || !match(n.state) || !b.in(n, c.Category) {
			continue
		}
		if len(found) == c.Limit {
			next = formatNext(found[len(found)-1].seq)
			break
		}
		found = append(found, *n)
	}
	u.fill(r, Ready{Rev: b.rev})
	u.read(r, func(ctx context.Context, out []byte) ([]byte, error) {
		return appendPage(ctx, u.Home, append(out, '{'), u.Key, found, next)
	})
}

// appendPage appends the rest of an object: messages, as far as they fit in one
// answer, and where to go on.
func appendPage(ctx context.Context, h *Home, out []byte, key Key, found []entry, next string) ([]byte, error) {
	start := len(out)
	out = append(out, `"messages":[`...)
	for i := range found {
		if i > 0 && len(out)-start > listBytes {
			next = formatNext(found[i-1].seq)
			break
		}
		n := len(out)
		if out[n-1] != '[' {
			out = append(out, ',')
		}
		m := len(out)
		var err error
		if out, err = appendMessages(ctx, h, out, key, found[i:i+1]); err != nil {
			return nil, err
		}
		if len(out) == m { // it was pushed out in the meantime
			out = out[:n]
		}
	}
	out = append(out, ']')
	if next != "" {
		out = append(append(append(out, `,"next":"`...), next...), '"')
	}
	return append(out, '}'), nil
}

// read answers r with a body made outside the actor.
func (u *User) read(r *Request, body func(ctx context.Context, b []byte) ([]byte, error)) {
	h := u.Home
	u.after(r, func() {
		h.Load(func() {
			b, err := body(context.Background(), nil)
			if err != nil {
				r.Fail(AsError(err))
				return
			}
			r.Answer.Body = b
			r.Respond()
		})
	})
}

// appendMessages appends the messages' JSON objects, comma-separated. One
// that was pushed out in the meantime is left out.
func appendMessages(ctx context.Context, h *Home, b []byte, key Key, list []entry) ([]byte, error) {
	n := len(b)
	for i := range list {
		m, err := content(ctx, h.Journal, key, list[i].body, nil)
		if err != nil {
			if AsError(err).Code == NotFound {
				continue
			}
			return nil, err
		}
		if len(b) > n {
			b = append(b, ',')
		}
		b = AppendMessage(b, m, list[i].state, list[i].until)
	}
	return b, nil
}

// StateKept is the state of a List of all that is in an inbox, for an export.
const StateKept = "kept"

// stateFilter returns which states a list's filter lets through.
func stateFilter(name string) (func(State) bool, bool) {
	is := func(want ...State) (func(State) bool, bool) {
		return func(s State) bool {
			for _, w := range want {
				if s == w {
					return true
				}
			}
			return false
		}, true
	}
	switch name {
	case "":
		return is(State_UNSEEN, State_SEEN, State_READ)
	case "unread":
		return is(State_UNSEEN, State_SEEN)
	case "all":
		return is(State_UNSEEN, State_SEEN, State_READ, State_ARCHIVED, State_SNOOZED)
	case "unseen":
		return is(State_UNSEEN)
	case "seen":
		return is(State_SEEN)
	case "read":
		return is(State_READ)
	case "archived":
		return is(State_ARCHIVED)
	case "snoozed":
		return is(State_SNOOZED)
	case "scheduled":
		return is(State_SCHEDULED)
	case StateKept:
		return func(State) bool { return true }, true
	}
	return nil, false
}

func formatNext(seq uint64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, seq))
}

// parseNext returns the seq below which a list goes on; none: from the top.
func parseNext(s string) (uint64, *Error) {
	if s == "" {
		return never, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != 8 {
		return 0, &Error{Code: Invalid, Field: "next", Detail: "this is not the next of an answer"}
	}
	return binary.BigEndian.Uint64(raw), nil
}

// findMessage answers with one message, its state and its funnel.
func (u *User) findMessage(r *Request, c *Find) {
	b := u.inbox
	i := b.find(c.ID)
	if i < 0 {
		u.refuse(r, ErrNotHere)
		return
	}
	n := b.entries[i]
	delivered := n.seq <= b.delivered && n.state != State_SCHEDULED
	u.fill(r, Ready{Rev: b.rev, ID: c.ID})
	u.read(r, func(ctx context.Context, out []byte) ([]byte, error) {
		m, err := content(ctx, u.Home.Journal, u.Key, n.body, nil)
		if err != nil {
			return nil, err
		}
		out = AppendMessage(out, m, n.state, n.until)
		out = append(out[:len(out)-1], `,"user":`...)
		out = appendString(out, u.Key.Name())
		out = append(out, `,"funnel":`...)
		var f [NumTallies]int64
		f[TallyAccepted], f[TallyDelivered], f[TallySeen], f[TallyRead] = 1, one(delivered), one(n.wasSeen), one(n.wasRead)
		return append(AppendFunnel(out, f), '}'), nil
	})
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// AppendFunnel appends a funnel as a JSON object.
func AppendFunnel(b []byte, f [NumTallies]int64) []byte {
	for i, name := range [NumTallies]string{`{"accepted":`, `,"delivered":`, `,"seen":`, `,"read":`, `,"filtered":`} {
		b = append(b, name...)
		b = strconv.AppendInt(b, f[i], 10)
	}
	return append(b, '}')
}

// loadContent reads what an edit is about to change; the edit comes back as
// contentLoaded.
func (u *User) loadContent(r *Request, id ID, t Moment) {
	if d, ok := u.inbox.replayed(r.Once, t); ok {
		u.commit(r, d)
		return
	}
	i := u.inbox.find(id)
	if i < 0 {
		u.refuse(r, ErrNotHere)
		return
	}
	h, key, body := u.Home, u.Key, u.inbox.entries[i].body
	u.after(r, func() {
		h.Load(func() {
			old, err := content(context.Background(), h.Journal, key, body, nil)
			h.Router.Send(key, &contentLoaded{r, body, old, err}) // this activation may have ended
		})
	})
}

// edit goes on with an edit whose old content is there.
func (u *User) edit(m *contentLoaded) {
	u.Current = m.req
	u.editContent(m, u.Home.moment())
	u.Current = nil
}

func (u *User) editContent(m *contentLoaded, t Moment) {
	c := m.req.Command.(*Edit)
	if !u.expire(t) {
		u.refuse(m.req, ErrBusyStore)
		return
	}
	i := u.inbox.find(c.ID)
	switch {
	case i < 0:
		u.refuse(m.req, ErrNotHere)
	case u.inbox.entries[i].body != m.body: // another edit came first
		u.loadContent(m.req, c.ID, t)
	case m.err != nil:
		u.refuse(m.req, AsError(m.err))
	default:
		u.commit(m.req, u.inbox.Edit(m.old, c.Patch, m.req.Once, t, &u.Home.Limits))
	}
}

// What an event, and an id in it, take of a page of the journal, in bytes.
const (
	eventSize = 200
	idText    = 40
)

// journalPage answers with stored events.
func (u *User) journalPage(r *Request, c *JournalPage) {
	key, j, last := u.Key, u.Home.Journal, u.inbox.seq
	u.fill(r, Ready{Rev: u.inbox.rev})
	u.read(r, func(ctx context.Context, _ []byte) ([]byte, error) {
		out := struct {
			Events []eventJSON `json:"events"`
			Next   string      `json:"next,omitempty"`
		}{Events: []eventJSON{}}
		var failed error
		size := 0 // about that of the answer: an event may name very many messages
		err := j.Events(ctx, key, c.After+1, last, func(seq uint64, raw []byte) bool {
			if len(out.Events) == c.Limit || size > listBytes {
				out.Next = strconv.FormatUint(out.Events[len(out.Events)-1].Seq, 10)
				return false
			}
			var e Event
			if failed = DecodeEvent(raw, &e); failed != nil {
				return false
			}
			out.Events = append(out.Events, describe(&e))
			size += eventSize + (len(e.Ids)+len(e.Dropped))*idText/len(ID{})
			return true
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	})
}

// stateAt answers with the state as it was at a rev.
func (u *User) stateAt(r *Request, c *StateAt) {
	key, j, last := u.Key, u.Home.Journal, u.inbox.seq
	if c.Rev > u.inbox.rev {
		u.refuse(r, Errorf(NotFound, "the user stands at rev %d", u.inbox.rev))
		return
	}
	u.fill(r, Ready{Rev: c.Rev})
	u.read(r, func(ctx context.Context, _ []byte) ([]byte, error) {
		b, err := stateAt(ctx, j, key, c.Rev, last)
		if err != nil {
			return nil, err
		}
		return b.appendState(nil), nil
	})
}

// export answers with all that is known of the user.
func (u *User) export(r *Request) {
	b := u.inbox
	entries := slices.Clone(b.entries)
	slices.Reverse(entries)
	counts := b.appendCounts(nil)
	u.fill(r, Ready{Rev: b.rev})
	u.read(r, func(ctx context.Context, out []byte) ([]byte, error) {
		out = appendString(append(out, `{"app":`...), u.Key.App())
		out = appendString(append(out, `,"user":`...), u.Key.Name())
		out = append(append(out, `,"counts":`...), counts...)
		return appendPage(ctx, u.Home, append(out, ','), u.Key, entries, "")
	})
}
