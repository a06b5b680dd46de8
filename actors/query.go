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
		return u.Home.appendPage(ctx, append(out, '{'), u.Key, found, next)
	})
}

// appendPage appends the rest of an object: messages, as far as they fit in one
// answer, and where to go on.
func (h *Home) appendPage(ctx context.Context, out []byte, key Key, found []entry, next string) ([]byte, error) {
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
		if out, err = h.appendMessages(ctx, out, key, found[i:i+1]); err != nil {
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
func (h *Home) appendMessages(ctx context.Context, b []byte, key Key, list []entry) ([]byte, error) {
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

// eventJSON is a stored event as the operator sees it, without its content.
type eventJSON struct {
	Seq     uint64   `json:"seq"`
	Rev     uint64   `json:"rev"`
	At      string   `json:"at"`
	Kind    string   `json:"kind"`
	ID      string   `json:"id,omitempty"`
	IDs     []string `json:"ids,omitempty"`
	State   string   `json:"state,omitempty"`
	Until   string   `json:"until,omitempty"`
	Dropped []string `json:"dropped,omitempty"`
	Upto    uint64   `json:"upto,omitempty"`
	By      string   `json:"transport,omitempty"`
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

// stateAt rebuilds an inbox as of a rev: from the newest snapshot before it.
func stateAt(ctx context.Context, j Journal, key Key, rev, last uint64) (*Inbox, error) {
	for upto := last; ; {
		b := NewInbox()
		raw, err := j.Snapshot(ctx, key, upto)
		if err != nil {
			return nil, err
		}
		if raw != nil {
			if err := b.restore(raw); err != nil {
				return nil, err
			}
			if b.rev > rev {
				if b.seq == 0 {
					return nil, Errorf(NotFound, "the journal no longer reaches back to rev %d", rev)
				}
				upto = b.seq - 1
				continue
			}
		}
		return b, b.roll(ctx, j, key, rev, last)
	}
}

// roll applies the journal's events up to the last one of a rev.
func (b *Inbox) roll(ctx context.Context, j Journal, key Key, rev, last uint64) error {
	var failed error
	err := j.Events(ctx, key, b.seq+1, last, func(seq uint64, raw []byte) bool {
		var e Event
		if failed = DecodeEvent(raw, &e); failed != nil || e.Rev > rev {
			return false
		}
		if seq != b.seq+1 {
			failed = Errorf(NotFound, "the journal no longer reaches back to rev %d", rev)
			return false
		}
		failed = b.Apply(&e)
		return failed == nil
	})
	if err != nil {
		return err
	}
	if failed == nil && b.rev != rev {
		failed = Errorf(NotFound, "the journal no longer reaches back to rev %d", rev)
	}
	return failed
}

// appendState appends the inbox's state as a JSON object, without contents.
func (b *Inbox) appendState(dst []byte) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, b.seq, 10)
	dst = append(dst, `,"counts":`...)
	dst = b.appendCounts(dst)
	dst = append(dst, `,"messages":[`...)
	for i := range b.entries {
		n := &b.entries[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = n.id.Append(append(dst, `{"id":"`...))
		dst = appendString(append(dst, `","category":`...), b.categories[n.category].name)
		dst = AppendTime(append(dst, `,"accepted_at":`...), n.at)
		dst = append(append(append(dst, `,"state":"`...), n.state.Word()...), '"')
		dst = appendTimeMember(dst, `,"until":`, n.until)
		dst = appendTimeMember(dst, `,"expires_at":`, n.expires)
		dst = append(dst, '}')
	}
	return append(b.sessions.append(append(dst, ']')), '}')
}

// append appends the sessions as a member of a JSON object, if there are any.
func (s *sessions) append(dst []byte) []byte {
	for i, t := range s.list {
		if i == 0 {
			dst = append(dst, `,"sessions":[{"client":`...)
		} else {
			dst = append(dst, `,{"client":`...)
		}
		dst = appendString(dst, t.client)
		dst = strconv.AppendBool(append(dst, `,"connected":`...), t.closedAt == 0)
		dst = strconv.AppendInt(append(dst, `,"subscriptions":`...), int64(len(t.subs)), 10)
		dst = strconv.AppendInt(append(dst, `,"waiting":`...), int64(len(t.waiting)), 10)
		dst = strconv.AppendInt(append(dst, `,"outgoing":`...), int64(len(t.outgoing)), 10)
		dst = strconv.AppendInt(append(dst, `,"incoming":`...), int64(len(t.incoming)), 10)
		if t.closedAt != 0 {
			dst = AppendTime(append(dst, `,"ends_at":`...), t.closedAt+t.expiry)
		}
		dst = append(dst, '}')
	}
	if len(s.list) > 0 {
		dst = append(dst, ']')
	}
	return dst
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
		return u.Home.appendPage(ctx, append(out, ','), u.Key, entries, "")
	})
}

// describe returns e for the operator.
func describe(e *Event) eventJSON {
	d := eventJSON{Seq: e.Seq, Rev: e.Rev, At: quoted(e.At), Kind: kindWord(e.Kind), Upto: e.Upto, By: e.Transport}
	eachID(e.Ids, func(id ID) { d.IDs = append(d.IDs, id.String()) })
	eachID(e.Dropped, func(id ID) { d.Dropped = append(d.Dropped, id.String()) })
	if e.Message != nil {
		d.ID = ID(e.Message.Id).String()
	}
	if e.Kind == Kind_MARKED || e.Kind == Kind_ACCEPTED {
		d.State = e.State.Word()
	}
	if e.Until != 0 {
		d.Until = quoted(e.Until)
	}
	return d
}

func quoted(ms int64) string {
	b := AppendTime(nil, ms)
	return string(b[1 : len(b)-1])
}

func kindWord(k Kind) string {
	words := [...]string{"none", "accepted", "edited", "retracted", "marked", "due", "expired", "dropped", "noted", "delivered", "session", "queued"}
	if k < 0 || int(k) >= len(words) {
		return "unknown"
	}
	return words[k]
}
