package inbox

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"reflect"
	"slices"
	"testing"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/actors/session"
)

// world is an Inbox with what a User and a store would put around it: a clock,
// a journal from which what is superfluous is deleted, and its snapshots. Each
// step is checked against what the journal says.
type world struct {
	t      testing.TB
	busy   bool // it is being read
	b      *Inbox
	now    int64
	limits actors.Limits
	key    actors.Key

	log       [][]byte          // all events ever
	journal   map[uint64][]byte // those not deleted
	snapshots map[uint64][]byte
	deleted   map[uint64]bool
	origin    uint64             // the store's history
	entries   map[uint64][]byte  // the app's broadcast log
	known     *actors.Log        // what is known of it
	whole     *actors.Log        // what was ever in it
	told      []actors.PushEvent // by the last step, to those who are connected
}

const epoch = int64(1_700_000_000_000)

func newWorld(t testing.TB, l actors.Limits) *world {
	l, err := l.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		t: t, b: New(), now: epoch, limits: l, key: actors.UserKey(actors.DefaultApp, "alice"),
		journal: map[uint64][]byte{}, snapshots: map[uint64][]byte{}, deleted: map[uint64]bool{},
		entries: map[uint64][]byte{}, known: actors.NewLog(0, compile), whole: actors.NewLog(0, compile),
	}
}

func (w *world) moment() actors.Moment { return actors.Moment{Now: w.now, Random: 0x1234} }

// id returns the id that a name stands for, made at a time.
func id(name string, at int64) actors.ID {
	h := fnv.New64a()
	io.WriteString(h, name)
	var i actors.ID
	binary.BigEndian.PutUint64(i[:8], uint64(at)<<16|0x7000)
	binary.BigEndian.PutUint64(i[8:], h.Sum64())
	return i
}

// do carries out a decision as User does.
func (w *world) do(r Ready) Ready {
	w.t.Helper()
	w.told = nil
	before := w.b.rev
	for _, e := range r.Events {
		raw := actors.EncodeEvent(nil, e)
		var got actors.Event
		if err := actors.DecodeEvent(raw, &got); err != nil {
			w.t.Fatalf("an event of our own: %v", err)
		}
		w.log = append(w.log, raw)
		w.journal[e.Seq] = raw
		w.b.history.bytes += uint64(len(raw))
		if err := w.b.Apply(e); err != nil {
			w.t.Fatal(err)
		}
		w.tell(e, before)
		before = w.b.rev
	}
	if len(r.Events) > 0 {
		w.b.Rearm()
	}
	w.check()
	return r
}

// tell notes what is pushed because of e, and that rev says the same.
func (w *world) tell(e *actors.Event, before uint64) {
	w.t.Helper()
	m := e.Message
	if e.Kind == actors.Kind_DUE {
		m = w.content(actors.ID(e.Ids[:16]))
	}
	shown := w.b.ShownIn(e)
	shown.Message = m
	p, ok := actors.NewPushEvent(e, shown, w.b.Cursor(), w.b.AppendCounts(nil))
	if e.State == actors.State_SCHEDULED && len(e.Dropped) > 0 {
		ok = w.b.rev > before // what was dropped may have been invisible too
	}
	if ok != (w.b.rev == before+1) || !ok && w.b.rev != before {
		w.t.Fatalf("%v: told is %v, but rev went from %d to %d", e, ok, before, w.b.rev)
	}
	if ok {
		w.told = append(w.told, p)
	}
}

func (w *world) content(id actors.ID) *actors.Message {
	w.t.Helper()
	i := w.b.find(id)
	if i < 0 {
		w.t.Fatalf("no message %s", id)
	}
	m, err := w.b.entries[i].Content(context.Background(), w, w.key, w.b.Here(), nil)
	if err != nil {
		w.t.Fatalf("the content of message %s: %v", id, err)
	}
	return m
}

func (w *world) checkpoint() actors.Write {
	w.t.Helper()
	return w.keep(nil)
}

// sweep does what a sweep does.
func (w *world) sweep() actors.Write {
	w.t.Helper()
	w.do(w.b.Lapse(w.moment()))
	w.b.Sessions.RearmLapse()
	m := ReadCleared(context.Background(), w, w.key, slices.Clone(w.b.history.stale))
	if m.Err != nil {
		w.t.Fatal(m.Err)
	}
	wr := w.keep(m.Events)
	if len(w.b.history.stale) > 0 || w.b.history.since != 0 {
		w.t.Fatalf("stale after a sweep: %v since %d", w.b.history.stale, w.b.history.since)
	}
	if due := w.b.SweepDue(&w.limits); due <= w.now {
		w.t.Fatalf("a sweep at %d is followed by one at %d", w.now, due)
	}
	return wr
}

func (w *world) keep(cleared []actors.Rewrite) actors.Write {
	w.t.Helper()
	wr, _ := w.b.Checkpoint(w.now, &w.limits, cleared)
	for _, r := range wr.Rewrite {
		if w.journal[r.Seq] == nil {
			w.t.Fatalf("event %d is written again, and is not there", r.Seq)
		}
		w.journal[r.Seq] = r.Event
	}
	last := uint64(0)
	for _, r := range wr.Delete {
		if r.First <= last || r.First > r.Last || r.Last > w.b.seq {
			w.t.Fatalf("deletions %v overlap, are empty or reach beyond event %d", wr.Delete, w.b.seq)
		}
		last = r.Last
		for s := r.First; s <= r.Last; s++ {
			if w.deleted[s] {
				w.t.Fatalf("event %d is deleted a second time", s)
			}
			w.deleted[s] = true
			delete(w.journal, s)
		}
	}
	w.snapshots[wr.Last()] = wr.Snapshot
	for s := range w.snapshots {
		if s < wr.Forget {
			delete(w.snapshots, s)
		}
	}
	w.check()
	return wr
}

// restart forgets everything but the journal.
func (w *world) restart() {
	w.t.Helper()
	b := New()
	b.Origin = w.origin
	w.load(b)
	w.b = b
	w.check()
}

// check compares the inbox with its journal.
func (w *world) check() {
	w.t.Helper()
	w.checkCounts()
	b := New()
	b.Origin = w.origin
	w.load(b)
	w.same("recovered from the journal", b, true)
	h := &w.b.history
	for s := h.floor + 1; s <= w.b.seq; s++ {
		if w.journal[s] == nil {
			w.t.Fatalf("event %d is gone, the floor is %d", s, h.floor)
		}
	}
	w.checkContents()
	held := map[uint64]bool{}
	for i := range w.b.entries {
		if w.b.entries[i].IsBroadcast() {
			continue
		}
		held[w.b.entries[i].Body] = true
		if w.journal[w.b.entries[i].Body] == nil {
			w.t.Fatalf("event %d holds the content of a present message and is gone", w.b.entries[i].Body)
		}
	}
	for s := range w.b.Sessions.Events() {
		held[s] = true
		if w.journal[s] == nil {
			w.t.Fatalf("event %d holds a message that waits for a session and is gone", s)
		}
	}
	for s := range w.journal {
		if s <= h.floor && !held[s] && !slices.Contains(h.garbage, s) {
			w.t.Fatalf("event %d is below the floor %d, holds nothing and will never be deleted", s, h.floor)
		}
	}
}

// checkContents checks that each content in the journal is of a present message,
// or known to be superfluous.
func (w *world) checkContents() {
	w.t.Helper()
	needed := map[uint64]bool{}
	for i := range w.b.entries {
		if seq := w.b.entries[i].acted; seq != 0 {
			needed[seq] = true
		}
		if !w.b.entries[i].IsBroadcast() {
			needed[w.b.entries[i].Body] = true
		}
	}
	for s := range w.b.Sessions.Events() {
		needed[s] = true
	}
	for _, s := range w.b.Sessions.List {
		if s.Will != nil {
			needed[s.Epoch] = true
		}
	}
	for y := w.b.Sessions.Yielded; y != nil; y = y.Next {
		needed[y.Epoch] = true
	}
	h := &w.b.history
	describe, kept := w.b.Profile.Events(), slices.Max(append(slices.Collect(maps.Keys(w.snapshots)), 0))
	for seq, raw := range w.journal {
		var e actors.Event
		if err := actors.DecodeEvent(raw, &e); err != nil {
			w.t.Fatal(err)
		}
		full := e.Message != nil && !e.Message.Cleared || e.Topic.GetTopic() != "" || e.Session.GetWill() != nil || e.Acted.GetAction() != "" || e.Profile.SizeVT() > 0 && !removes(e.Profile)
		known := slices.Contains(h.stale, seq) || slices.Contains(h.garbage, seq)
		if slices.Contains(describe, seq) { // of several parts some may be replaced: the others are in the snapshot of the sweep
			if !full && seq > kept || known && parts(e.Profile) == 1 {
				w.t.Fatalf("event %d holds what is known of the user, and was emptied before a snapshot had it, or is to be for nothing", seq)
			}
			continue
		}
		switch {
		case full && !needed[seq] && !known:
			w.t.Fatalf("event %d holds a content that nobody needs, and would keep it", seq)
		case needed[seq] && (!full || known):
			w.t.Fatalf("the content of event %d is needed, and was taken out or is to be", seq)
		}
	}
	if (len(h.stale)+len(h.garbage)+len(h.disowned) > 0 || h.old) != (h.since != 0) {
		w.t.Fatalf("stale %v, garbage %v, %d disowned since %d", h.stale, h.garbage, len(h.disowned), h.since)
	}
}

// replayAll compares the inbox with all its events, with and without a
// snapshot at a place among them.
func (w *world) replayAll(cut int) {
	w.t.Helper()
	b := New()
	for i, raw := range w.log {
		if i == cut {
			snap := b.snapshot()
			b = New()
			if err := b.restore(snap); err != nil {
				w.t.Fatal(err)
			}
		}
		var e actors.Event
		if err := actors.DecodeEvent(raw, &e); err != nil {
			w.t.Fatal(err)
		}
		if err := b.catchUp(&e, w.whole); err != nil {
			w.t.Fatal(err)
		}
		if err := b.Apply(&e); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := b.MergeUpTo(w.whole, w.b.pos); err != nil {
		w.t.Fatal(err)
	}
	w.same("replayed", b, false)
}

// same compares two inboxes; what they know of their journal too, if asked.
func (w *world) same(what string, got *Inbox, withHistory bool) {
	w.t.Helper()
	x, y := w.view(got, withHistory), w.view(w.b, withHistory)
	if x, y := viewSessions(got), viewSessions(w.b); !reflect.DeepEqual(x, y) {
		w.t.Fatalf("%s: sessions: got\n%+v, want\n%+v", what, x, y)
	}
	if x, y := viewProfile(got, withHistory), viewProfile(w.b, withHistory); x != y {
		w.t.Fatalf("%s: profile: got\n%s, want\n%s", what, x, y)
	}
	if x, y := viewRules(got, w.now), viewRules(w.b, w.now); x != y {
		w.t.Fatalf("%s: rules: got\n%s, want\n%s", what, x, y)
	}
	if !reflect.DeepEqual(x, y) {
		w.t.Fatalf("%s: got\n%+v, want\n%+v", what, x, y)
	}
}

// view returns a copy of b in which equal states are deeply equal. Keys that are
// too old to be of use are not in it: a checkpoint forgets them.
func (w *world) view(b *Inbox, withHistory bool) Inbox {
	v := *b
	v.Rearm()
	v.Profile = nil                                           // viewProfile
	v.Rules, v.Book, v.pending, v.asides = nil, nil, nil, nil // viewRules
	v.open = 0                                                // no part of the state
	if len(v.answers) == 0 {
		v.answers = nil
	}
	v.keys.byCaller = maps.Clone(b.keys.byCaller)
	v.keys.prune(w.now)
	v.categories, v.tenants = append(labels{}, b.categories...), append(labels{}, b.tenants...)
	v.entries = append([]entry{}, b.entries...)
	v.keys.order = append([]onceRef{}, v.keys.order...)
	v.unarmed = false
	v.Origin, v.Sessions = 0, session.Set{} // the origin is no part of the state; viewSessions
	v.keys.edge = append([]edgeKey{}, v.keys.edge...)
	if len(v.keys.byCaller) == 0 {
		v.keys.byCaller = nil
	}
	if !withHistory {
		v.history = history{}
		return v
	}
	v.history.milestones = append([]milestone{}, b.history.milestones...)
	v.history.disowned = append([]actors.ID{}, b.history.disowned...)
	v.history.garbage = append([]uint64{}, b.history.garbage...)
	slices.Sort(v.history.garbage)
	v.history.stale = append([]uint64{}, b.history.stale...)
	return v
}

// removes tells whether a change only removes parts of a profile: nothing of the user
// is left in it.
func removes(c *actors.ProfileChange) bool {
	return len(c.Followed)+len(c.Unfollowed)+len(c.Joined)+len(c.Left) == 0 && c.Profile.SizeVT()+c.Preferences.SizeVT() == 0
}

// parts returns of how many parts of what is known of a user the change is.
func parts(c *actors.ProfileChange) (n int) {
	for _, has := range []bool{c.GetProfile() != nil, c.GetPreferences() != nil, len(c.GetFollowed())+len(c.GetUnfollowed()) > 0, len(c.GetJoined())+len(c.GetLeft()) > 0} {
		if has {
			n++
		}
	}
	return n
}

// viewProfile is what is known of the user, as text.
func viewProfile(b *Inbox, withHistory bool) string {
	p := b.Profile
	v := profile.AppendPreferences(profile.AppendProfile(nil, p.Profile()), p.Preferences())
	v = profile.AppendNames(profile.AppendNames(v, p.Follows()), p.Lists())
	if withHistory {
		v = fmt.Append(v, slices.DeleteFunc(p.Events(), func(seq uint64) bool { return seq <= b.history.floor }))
	}
	return string(v)
}

// sessionsView is the state of sessions, in which equal ones are deeply equal.
type sessionsView struct {
	stored       string
	events       []uint64
	due, lapseAt int64
}

func viewSessions(b *Inbox) sessionsView {
	b.Sessions.RearmLapse()
	var s actors.Snapshot
	s.Sessions, s.Yielded = b.Sessions.Stored()
	raw, err := s.MarshalVT()
	if err != nil {
		panic(err)
	}
	return sessionsView{string(raw), slices.Sorted(b.Sessions.Events()), b.Sessions.DueAt(), b.Sessions.LapseAt()}
}

// checkCounts counts anew.
func (w *world) checkCounts() {
	w.t.Helper()
	w.checkTenants()
	b := w.b
	var unread, unseen, sum uint32
	var bytes uint64
	held := map[string]uint32{}
	by := map[string]uint32{}
	for i := range b.entries {
		n := &b.entries[i]
		if i > 0 && !b.entries[i-1].isBefore(n.Place()) {
			w.t.Fatalf("entry %d has seq %d behind %d", i, n.Seq, b.entries[i-1].Seq)
		}
		bytes += uint64(n.size)
		held[b.categories[n.category].name]++
		switch n.State {
		case actors.State_UNSEEN:
			unread, unseen = unread+1, unseen+1
			by[b.categories[n.category].name]++
		case actors.State_SEEN:
			unread++
			by[b.categories[n.category].name]++
		}
	}
	for _, c := range b.categories {
		sum += c.unread
		if c.unread != by[c.name] || c.held != held[c.name] {
			w.t.Fatalf("category %q: got %d unread of %d, want %d of %d", c.name, c.unread, c.held, by[c.name], held[c.name])
		}
	}
	if b.unread != unread || b.unseen != unseen || sum != unread || b.content != bytes {
		w.t.Fatalf("got %d unread, %d unseen, %d by category, %d bytes; want %d, %d, %d, %d", b.unread, b.unseen, sum, b.content, unread, unseen, unread, bytes)
	}
	if len(b.entries) > w.limits.Messages || b.content > uint64(w.limits.InboxBytes) {
		w.t.Fatalf("%d messages of %d bytes are over the limit", len(b.entries), b.content)
	}
}

// page reads what a client with a cursor missed, at most limit events.
func (w *world) page(after actors.Cursor, limit int) (*actors.Push, error) {
	return w.b.Page(w.key, w, w.known, after, limit).Read(context.Background())
}

// readLog implements LogReader.
func (w *world) readLog(context.Context, uint64) (*actors.Log, error) { return w.known, nil }

// load brings a new inbox to where the journal and the log are.
func (w *world) load(b *Inbox) {
	w.t.Helper()
	if err := b.Load(context.Background(), w, w.key, w.known); err != nil {
		w.t.Fatal(err)
	}
	b.BeginAt(w.b.pos)
	w.mergeUpTo(b, w.b.pos)
}

func (w *world) mergeUpTo(b *Inbox, pos uint64) {
	w.t.Helper()
	if err := b.MergeUpTo(w.known, pos); err != nil {
		w.t.Fatal(err)
	}
}

// world is its own Journal, for reading. A read within a read fails: it would take two
// of a store's connections.

func (w *world) reading() func() {
	w.t.Helper()
	if w.busy {
		w.t.Fatal("the journal is read within a read")
	}
	w.busy = true
	return func() { w.busy = false }
}

func (w *world) Append(*actors.Write) error { panic("not here") }

func (w *world) Load(_ context.Context, _ actors.Key, snapshot, event func([]byte) error) error {
	defer w.reading()()
	from := uint64(0)
	for s := range w.snapshots {
		from = max(from, s)
	}
	if raw := w.snapshots[from]; raw != nil {
		if err := snapshot(raw); err != nil {
			return err
		}
	}
	for s := from + 1; s <= uint64(len(w.log)); s++ {
		if err := event(w.journal[s]); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Events(_ context.Context, key actors.Key, first, last uint64, fn func(uint64, []byte) bool) error {
	defer w.reading()()
	events := w.journal
	if key.Kind() == actors.KindLog {
		events = w.entries
	}
	for _, s := range slices.Sorted(maps.Keys(events)) {
		if s >= first && s <= last && !fn(s, events[s]) {
			break
		}
	}
	return nil
}

func (w *world) Snapshot(_ context.Context, _ actors.Key, seq uint64) ([]byte, error) {
	best := uint64(0)
	for s := range w.snapshots {
		if s <= seq {
			best = max(best, s)
		}
	}
	return w.snapshots[best], nil
}
