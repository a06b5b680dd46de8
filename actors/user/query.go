package user

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"

	"reddot/actors"
	"reddot/actors/inbox"
	"reddot/actors/profile"
)

// Queries. What is in memory is answered in the turn; contents are read
// elsewhere, from copies of what the actor knew, once all that is durable.

// listBytes is about how large a page of a list is at most, however many messages
// it may have: it waits in memory for whoever asked for it and does not read.
const listBytes = 256 << 10

// list answers with messages, newest first.
func (u *User) list(r *actors.Request, c *actors.List) {
	before, err := parseNext(c.Next)
	if err != nil {
		u.refuse(r, err)
		return
	}
	match, ok := stateFilter(c.State)
	if !ok {
		u.refuse(r, &actors.Error{Code: actors.Invalid, Field: "state", Detail: "want unseen, seen, unread, read, archived, snoozed, scheduled, held or all"})
		return
	}
	found, more := u.inbox.List(match, c.Category, c.Tenant, before, c.Limit)
	next := ""
	if more {
		next = formatNext(found[len(found)-1].Place())
	}
	u.fill(r, inbox.Ready{Rev: u.inbox.Rev()})
	here := u.inbox.Here()
	u.read(r, func(ctx context.Context, out []byte) ([]byte, error) {
		return appendPage(ctx, u.Home, append(out, '{'), u.Key, here, found, next)
	})
}

// appendPage appends the rest of an object: messages, as far as they fit in one
// answer, and where to go on.
func appendPage(ctx context.Context, h *actors.Home, out []byte, key actors.Key, here inbox.Place, found []inbox.Item, next string) ([]byte, error) {
	start := len(out)
	out = append(out, `"messages":[`...)
	for i := range found {
		if i > 0 && len(out)-start > listBytes {
			next = formatNext(found[i-1].Place())
			break
		}
		n := len(out)
		if out[n-1] != '[' {
			out = append(out, ',')
		}
		m := len(out)
		var err error
		if out, err = appendMessages(ctx, h, out, key, here, found[i:i+1]); err != nil {
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
func (u *User) read(r *actors.Request, body func(ctx context.Context, b []byte) ([]byte, error)) {
	h := u.Home
	u.after(r, func() {
		h.Load(func() {
			b, err := body(context.Background(), nil)
			if err != nil {
				r.Fail(actors.AsError(err))
				return
			}
			r.Answer.Body = b
			r.Respond()
		})
	})
}

// appendMessages appends the messages' JSON objects, comma-separated. One
// that was pushed out in the meantime is left out.
func appendMessages(ctx context.Context, h *actors.Home, b []byte, key actors.Key, here inbox.Place, list []inbox.Item) ([]byte, error) {
	n := len(b)
	for i := range list {
		m, err := list[i].Content(ctx, h.Journal, key, here, nil)
		if err != nil {
			if actors.AsError(err).Code == actors.NotFound {
				continue
			}
			return nil, err
		}
		if len(b) > n {
			b = append(b, ',')
		}
		b = appendItem(b, m, &list[i])
	}
	return b, nil
}

// appendItem appends a message as its inbox has it.
func appendItem(b []byte, m *actors.Message, n *inbox.Item) []byte {
	b = actors.AppendMessage(b, n.Shown(m))
	if n.Held() == actors.Rule_PASSED {
		return b
	}
	b = append(b[:len(b)-len(`"scheduled"}`)], `"held","reason":"`...)
	b = append(append(b, n.Held().Word()...), '"')
	return append(actors.AppendTimeMember(b, `,"held_until":`, n.Until), '}')
}

// stateFilter returns which states a list's filter lets through.
func stateFilter(name string) (func(s actors.State, held bool) bool, bool) {
	is := func(want ...actors.State) (func(actors.State, bool) bool, bool) {
		return func(s actors.State, held bool) bool {
			if held {
				return false
			}
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
		return is(actors.State_UNSEEN, actors.State_SEEN, actors.State_READ)
	case "unread":
		return is(actors.State_UNSEEN, actors.State_SEEN)
	case "all":
		return is(actors.State_UNSEEN, actors.State_SEEN, actors.State_READ, actors.State_ARCHIVED, actors.State_SNOOZED)
	case "unseen":
		return is(actors.State_UNSEEN)
	case "seen":
		return is(actors.State_SEEN)
	case "read":
		return is(actors.State_READ)
	case "archived":
		return is(actors.State_ARCHIVED)
	case "snoozed":
		return is(actors.State_SNOOZED)
	case "scheduled":
		return is(actors.State_SCHEDULED)
	case "held":
		return func(_ actors.State, held bool) bool { return held }, true
	case actors.StateKept:
		return func(actors.State, bool) bool { return true }, true
	}
	return nil, false
}

// formatNext returns a place as text: its seq, and its pos if it is a broadcast's.
func formatNext(p inbox.Place) string {
	b := binary.BigEndian.AppendUint64(nil, p.Seq)
	if p.Pos != 0 {
		b = binary.BigEndian.AppendUint64(b, p.Pos)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseNext returns the place before which a list goes on; none: from the top.
func parseNext(s string) (inbox.Place, *actors.Error) {
	if s == "" {
		return inbox.Place{Seq: math.MaxUint64}, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	switch {
	case err == nil && len(raw) == 8:
		return inbox.Place{Seq: binary.BigEndian.Uint64(raw)}, nil
	case err == nil && len(raw) == 16:
		return inbox.Place{Seq: binary.BigEndian.Uint64(raw), Pos: binary.BigEndian.Uint64(raw[8:])}, nil
	}
	return inbox.Place{}, &actors.Error{Code: actors.Invalid, Field: "next", Detail: "this is not the next of an answer"}
}

// findMessage answers with one message, its state and its funnel.
func (u *User) findMessage(r *actors.Request, c *actors.Find) {
	n, ok := u.inbox.Find(c.ID)
	if !ok {
		u.findAside(r, c)
		return
	}
	delivered, here := u.inbox.WasDelivered(&n), u.inbox.Here()
	u.fill(r, inbox.Ready{Rev: u.inbox.Rev(), ID: c.ID})
	u.read(r, func(ctx context.Context, out []byte) ([]byte, error) {
		m, err := n.Content(ctx, u.Home.Journal, u.Key, here, nil)
		if err != nil {
			return nil, err
		}
		out = appendItem(out, m, &n)
		out = append(actors.AppendTemplate(out[:len(out)-1], m), `,"user":`...)
		out = actors.AppendString(out, u.Key.Name())
		out = append(out, `,"funnel":`...)
		var f [actors.NumTallies]int64
		f[actors.TallyAccepted], f[actors.TallyDelivered], f[actors.TallySeen], f[actors.TallyRead], f[actors.TallyActed] = 1, one(delivered), one(n.WasSeen), one(n.WasRead), one(n.IsActed())
		return append(actors.AppendFunnel(out, f), '}'), nil
	})
}

// findAside answers with what is known of a message that a rule put aside: its content is gone.
func (u *User) findAside(r *actors.Request, c *actors.Find) {
	k := u.inbox.Remember(c.ID)
	if !k.Aside {
		u.refuse(r, actors.ErrNotHere)
		return
	}
	state := "filtered"
	if k.Gathered {
		state = "digested"
	}
	b := append(c.ID.Append([]byte(`{"id":"`)), `","state":"`...)
	b = append(append(append(b, state...), `","reason":"`...), k.Rule.Word()...)
	b = actors.AppendTime(append(b, `","decided_at":`...), k.At)
	b = actors.AppendString(append(b, `,"user":`...), u.Key.Name())
	var f [actors.NumTallies]int64
	f[actors.TallyFiltered] = one(!k.Gathered)
	r.Answer.Body = append(actors.AppendFunnel(append(b, `,"funnel":`...), f), '}')
	u.fill(r, inbox.Ready{Rev: u.inbox.Rev(), ID: c.ID})
	u.release(&r.Effect, r, nil, nil)
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// loadContent reads what an edit is about to change, or what is answered; it comes back
// as contentLoaded.
func (u *User) loadContent(r *actors.Request, id actors.ID, t actors.Moment) {
	if d, ok := u.inbox.Replayed(r.Once, t); ok {
		u.commit(r, d)
		return
	}
	n, ok := u.inbox.Find(id)
	if _, edits := r.Command.(*actors.Edit); !ok || edits && n.IsBroadcast() {
		u.refuse(r, actors.ErrNotHere)
		return
	}
	h, key, here := u.Home, u.Key, u.inbox.Here()
	u.after(r, func() {
		h.Load(func() {
			old, err := n.Content(context.Background(), h.Journal, key, here, nil)
			h.Router.Send(key, &contentLoaded{r, n.Body, old, err}) // this activation may have ended
		})
	})
}

// act answers a message, also one that is there for one who joins.
func (u *User) act(r *actors.Request, c *actors.Act, t actors.Moment) {
	if err := u.join(t); err != nil {
		u.refuse(r, err)
		return
	}
	u.loadContent(r, c.ID, t)
}

// contentLoaded goes on with what waited for a content.
func (u *User) contentLoaded(m *contentLoaded) {
	u.Current = m.req
	switch c := m.req.Command.(type) {
	case *actors.Edit:
		u.withContent(m, c.ID, func(t actors.Moment) inbox.Ready {
			return u.inbox.Edit(m.old, c.Patch, m.req.Once, t, &u.Home.Limits)
		})
	case *actors.Act:
		u.withContent(m, c.ID, func(t actors.Moment) inbox.Ready { return u.inbox.Act(m.old, c, m.req.Once, t) })
	}
	u.Current = nil
}

// withContent lets the inbox decide by a content, if the message has it still.
func (u *User) withContent(m *contentLoaded, id actors.ID, decide func(actors.Moment) inbox.Ready) {
	t := u.Home.Moment()
	if err := u.expire(t); err != nil {
		u.refuse(m.req, err)
		return
	}
	n, ok := u.inbox.Find(id)
	switch {
	case !ok:
		u.refuse(m.req, actors.ErrNotHere)
	case n.Body != m.body: // an edit came first
		u.loadContent(m.req, id, t)
	case m.err != nil:
		u.refuse(m.req, actors.AsError(m.err))
	default:
		u.commit(m.req, decide(t))
	}
}

// What an event, and an id in it, take of a page of the journal, in bytes.
const (
	eventSize = 200
	idText    = 40
)

// journalPage answers with stored events.
func (u *User) journalPage(r *actors.Request, c *actors.JournalPage) {
	key, j, last := u.Key, u.Home.Journal, u.inbox.Seq()
	u.fill(r, inbox.Ready{Rev: u.inbox.Rev()})
	u.read(r, func(ctx context.Context, _ []byte) ([]byte, error) {
		out := struct {
			Events []inbox.EventJSON `json:"events"`
			Next   string            `json:"next,omitempty"`
		}{Events: []inbox.EventJSON{}}
		var failed error
		size := 0 // about that of the answer: an event may name very many messages
		err := j.Events(ctx, key, c.After+1, last, func(seq uint64, raw []byte) bool {
			if len(out.Events) == c.Limit || size > listBytes {
				out.Next = strconv.FormatUint(out.Events[len(out.Events)-1].Seq, 10)
				return false
			}
			var e actors.Event
			if failed = actors.DecodeEvent(raw, &e); failed != nil {
				return false
			}
			out.Events = append(out.Events, inbox.Describe(&e))
			size += eventSize + (len(e.Ids)+len(e.Dropped))*idText/len(actors.ID{})
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
func (u *User) stateAt(r *actors.Request, c *actors.StateAt) {
	key, j, last, pos, log := u.Key, u.Home.Journal, u.inbox.Seq(), u.inbox.Pos(), u.readLog()
	if c.Rev > u.inbox.Rev() {
		u.refuse(r, actors.Errorf(actors.NotFound, "the user stands at rev %d", u.inbox.Rev()))
		return
	}
	u.fill(r, inbox.Ready{Rev: c.Rev})
	u.read(r, func(ctx context.Context, _ []byte) ([]byte, error) {
		b, err := inbox.InboxAt(ctx, j, key, c.Rev, last, pos, log)
		if err != nil {
			return nil, err
		}
		return b.AppendState(nil), nil
	})
}

// export answers with all that is known of the user.
func (u *User) export(r *actors.Request) {
	b, here := u.inbox, u.inbox.Here()
	items, _ := b.List(func(actors.State, bool) bool { return true }, "", "", inbox.Place{Seq: math.MaxUint64}, math.MaxInt)
	counts := b.AppendCounts(nil)
	known := b.Profile
	about := profile.AppendProfile([]byte(`,"profile":`), known.Profile())
	about = profile.AppendPreferences(append(about, `,"preferences":`...), known.Preferences())
	about = profile.AppendNames(append(about, `,"follows":`...), known.Follows())
	about = profile.AppendNames(append(about, `,"lists":`...), known.Lists())
	u.fill(r, inbox.Ready{Rev: b.Rev()})
	u.read(r, func(ctx context.Context, out []byte) ([]byte, error) {
		out = actors.AppendString(append(out, `{"app":`...), u.Key.App())
		out = actors.AppendString(append(out, `,"user":`...), u.Key.Name())
		out = append(append(out, `,"counts":`...), counts...)
		out = append(out, about...)
		return appendPage(ctx, u.Home, append(out, ','), u.Key, here, items, "")
	})
}
