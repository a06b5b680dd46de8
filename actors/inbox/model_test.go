package inbox

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/actorstest/people"
)

var (
	modelSeed  = flag.Uint64("model.seed", 0, "seed of TestModel; 0: a fresh one, which is printed")
	modelSteps = flag.Int("model.steps", 20_000, "random commands of TestModel")
)

// model is the naive twin of an Inbox: it keeps messages in a list and counts
// by looking at all of them.
type model struct {
	list   []*modelMessage // in the order in which they became visible, or came in
	limits actors.Limits
	spent  map[string][]int64 // when messages came that a cap counts, by category; unix milliseconds
}

type modelMessage struct {
	id       actors.ID
	category string
	tenant   string
	collapse string
	state    actors.State
	until    int64
	expires  int64
	at       int64
	size     int
	title    string
	own      bool // it came to this user alone
	capped   bool // modelPolicy judges it
	held     bool // it waits for a rule, or has waited
	actions  bool
	acted    string // by which action it was answered, and what was replied; "": it was not
}

// modelPolicy lets modelCap messages of a category through in modelWindow, and none from
// 22:00 to 02:00.
var modelPolicy = &actors.Policy{Name: "p", Version: 1, Body: fmt.Appendf(nil, `{"caps":[{"max":%d,"per":"6h","category":"a"},{"max":%d,"per":"6h","category":"b"}],"quiet_hours":{"from":"22:00","to":"02:00","zone":"UTC"},"respects":["subscription"]}`, modelCap, modelCap)}

const (
	modelCap    = 2
	modelWindow = 6 * 60 * 60 * 1000
)

// quietUntil returns until when modelPolicy lets nothing through; 0: it does.
func quietUntil(now int64) int64 {
	const hour = 60 * 60 * 1000
	switch midnight := now - now%(24*hour); {
	case now < midnight+2*hour:
		return midnight + 2*hour
	case now >= midnight+22*hour:
		return midnight + 26*hour
	}
	return 0
}

// waits tells whether the message waits for the end of the quiet hours, and lets it.
func (x *modelMessage) waits(now int64) bool {
	until := quietUntil(now)
	if !x.capped || until == 0 {
		return false
	}
	x.state, x.until, x.held = actors.State_SCHEDULED, until, true
	return true
}

// passes tells whether no cap stops a message that comes now, and counts it if so.
func (m *model) passes(o *modelMessage, now int64) bool {
	if !o.capped || o.category > "b" {
		return true
	}
	n := 0
	for _, at := range m.spent[o.category] {
		if at > now-modelWindow {
			n++
		}
	}
	if n >= modelCap {
		return false
	}
	if m.spent == nil {
		m.spent = map[string][]int64{}
	}
	m.spent[o.category] = append(m.spent[o.category], now)
	return true
}

func (m *model) find(id actors.ID) *modelMessage {
	for _, x := range m.list {
		if x.id == id {
			return x
		}
	}
	return nil
}

func (m *model) remove(gone func(*modelMessage) bool) { m.list = slices.DeleteFunc(m.list, gone) }

// appear puts x at the end, in the place of the newest holder of its key.
func (m *model) appear(x *modelMessage, holders bool) {
	m.remove(func(o *modelMessage) bool { return o == x })
	if holders && x.collapse != "" {
		for i := len(m.list) - 1; i >= 0; i-- {
			o := m.list[i]
			if o.collapse == x.collapse && o.tenant == x.tenant && o.state != actors.State_ARCHIVED && o.state != actors.State_SCHEDULED {
				m.list = slices.Delete(m.list, i, i+1)
				break
			}
		}
	}
	m.list = append(m.list, x)
}

func (m *model) publish(x *modelMessage) {
	m.appear(x, x.state != actors.State_SCHEDULED)
	m.squeeze(x)
}

// squeeze lets the oldest fall out, but not x.
func (m *model) squeeze(x *modelMessage) {
	bytes := 0
	for _, o := range m.list {
		bytes += o.size
	}
	for i := 0; len(m.list) > m.limits.Messages || bytes > m.limits.InboxBytes; {
		if m.list[i] == x {
			i++
			continue
		}
		bytes -= m.list[i].size
		m.list = slices.Delete(m.list, i, i+1)
	}
}

// expire lets the time do its work; wants tells what the user has not switched off.
func (m *model) expire(now int64, wants func(*modelMessage) bool) {
	m.remove(func(o *modelMessage) bool {
		return o.expires != 0 && o.expires <= now ||
			(o.state != actors.State_SCHEDULED || !o.own) && o.at <= now-m.limits.MessageAge.Milliseconds()
	})
	m.shed()
	var due []*modelMessage
	for _, o := range m.list {
		switch {
		case o.state == actors.State_SNOOZED && o.until <= now:
			o.state, o.until = actors.State_UNSEEN, 0
		case o.state == actors.State_SCHEDULED && o.until <= now:
			due = append(due, o)
		}
	}
	slices.SortStableFunc(due, func(a, b *modelMessage) int { return int(a.until - b.until) })
	stopped, again, newest := map[*modelMessage]bool{}, map[*modelMessage]bool{}, map[string]bool{}
	for _, o := range slices.Backward(due) { // the newest ones have a cap's room
		key := o.tenant + "/" + o.collapse
		switch {
		case o.collapse != "" && newest[key] && o.held, !wants(o):
			stopped[o] = true
		case o.waits(now):
			again[o] = true
		case !m.passes(o, now):
			stopped[o] = true
		default:
			newest[key] = true
		}
	}
	for _, o := range due {
		if again[o] {
			continue
		}
		if stopped[o] {
			m.remove(func(other *modelMessage) bool { return other == o })
			continue
		}
		if o.state, o.until = actors.State_UNSEEN, 0; o.own {
			o.at = now
		}
		m.appear(o, true)
	}
}

// mark is the table of what each marking does to a message; named tells that
// it was asked for by its id.
func (x *modelMessage) mark(to actors.Marking, until int64, named bool) {
	s := x.state
	if s == actors.State_SCHEDULED || s == actors.State_SNOOZED && !named && to != actors.MarkSnoozed {
		return
	}
	switch {
	case to == actors.MarkSeen && s == actors.State_UNSEEN:
		x.state = actors.State_SEEN
	case to == actors.MarkRead && s != actors.State_ARCHIVED:
		x.state, x.until = actors.State_READ, 0
	case to == actors.MarkUnread && (s == actors.State_READ || s == actors.State_ARCHIVED && named):
		x.state = actors.State_SEEN
	case to == actors.MarkArchived:
		x.state, x.until = actors.State_ARCHIVED, 0
	case to == actors.MarkSnoozed && s != actors.State_ARCHIVED:
		x.state, x.until = actors.State_SNOOZED, until
	}
}

// trial is one random run.
type trial struct {
	*world
	t        *testing.T
	rng      *rand.Rand
	m        *model
	live     *client
	late     []*client
	ids      []actors.ID
	cursors  []actors.Cursor
	resets   int
	pages    int
	restarts int
	casts    []*logged          // broadcasts that are not over
	unmerged []*actors.LogEntry // that the inbox stands before
	away     int                // steps for which nothing wakes the user
	outline  *Outline           // of one who dozes since the last event
	outlines int                // how often it has told of a change

	who    *people.Person
	erased bool // and nothing has come since

	untenanted bool // nothing has a tenant

	joins    bool // the inbox has joined, and the model not yet
	overfull bool // by that

	steps []string // the last of them
}

func newTrial(t *testing.T, w *world, rng *rand.Rand) *trial {
	return &trial{world: w, t: t, rng: rng, m: &model{limits: w.limits}, live: &client{states: map[string]string{}}, who: people.New()}
}

// wants tells whether the user has not switched the message off.
func (x *trial) wants(o *modelMessage) bool { return x.who.Wants(o.category, o.tenant) }

// keptSteps is how many steps a failure tells.
const keptSteps = 50

// note keeps what is done in a step.
func (x *trial) note(format string, args ...any) {
	if len(x.steps) == keptSteps {
		x.steps = x.steps[1:]
	}
	x.steps = append(x.steps, fmt.Sprintf("%d: ", x.now-epoch)+fmt.Sprintf(format, args...))
}

// TestModel lets random commands and the time work on an Inbox and on a naive
// model of it, with snapshots, trimming and restarts between them, and with
// clients that follow by pushes or by pages.
func TestModel(t *testing.T) {
	seed := *modelSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (-model.seed)", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	steps, told := *modelSteps, 0
	if testing.Short() {
		steps = 2000
	}
	for steps > 0 {
		n := min(steps, 200+rng.IntN(3000))
		steps -= n
		w := newWorld(t, actors.Limits{InboxLimits: actors.InboxLimits{
			Messages: 1 + rng.IntN(40), InboxBytes: 200 + rng.IntN(4000), MessageAge: time.Duration(1+rng.IntN(72)) * time.Hour,
			RetainEvents: 2 + rng.IntN(60), RetainAge: time.Duration(1+rng.IntN(48)) * time.Hour, RetainBytes: 500 + rng.IntN(20_000),
		}})
		x := newTrial(t, w, rng)
		x.untenanted = rng.IntN(4) == 0
		if rng.IntN(2) == 0 {
			x.comesLate()
		}
		for range 3 {
			x.late = append(x.late, &client{states: map[string]string{}})
		}
		x.run(n)
		told += x.outlines
	}
	if told == 0 {
		t.Error("no outline has told of anything: the test shows nothing of them")
	}
}

func (x *trial) run(steps int) {
	defer func() {
		if x.t.Failed() {
			x.t.Logf("the last steps:\n%s", strings.Join(x.steps, "\n"))
		}
	}()
	for i := range steps {
		x.now += int64(x.rng.IntN(2000))
		if x.rng.IntN(20) == 0 {
			x.now += int64(x.rng.IntN(int(6 * time.Hour / time.Millisecond)))
		}
		for x.rng.IntN(6) == 0 {
			x.broadcast(i)
			i += steps
		}
		if x.sleeps() {
			continue
		}
		x.merge()
		x.forget()
		x.expireBoth()
		x.open()
		x.step(i)
		x.modelJoin()
		x.compare()
		if x.b.SnapshotDue(&x.limits) || x.rng.IntN(200) == 0 {
			if x.rng.IntN(2) == 0 {
				x.sweep()
			} else {
				x.checkpoint()
			}
		}
		switch x.rng.IntN(50) {
		case 0:
			x.restarts++
			x.note("restart")
			x.restart()
		case 1, 2:
			c := x.late[x.rng.IntN(len(x.late))]
			x.pages++
			if c.catchUp(x.world, 1+x.rng.IntN(20)) {
				x.resets++
			}
			x.screened("a client with pages", c)
		case 3:
			x.cursors = append(x.cursors, x.b.Cursor())
		}
		if i%500 == 499 {
			x.replayAll(x.rng.IntN(len(x.log) + 1))
		}
	}
	x.t.Logf("%d steps: rev %d, %d of %d events kept, %d messages; %d restarts, %d catch-ups, %d resets, %d changes told by outlines",
		steps, x.b.rev, len(x.journal), len(x.log), len(x.b.entries), x.restarts, x.pages, x.resets, x.outlines)
}

// done carries a decision out and lets the live client know.
func (x *trial) done(r Ready) Ready {
	x.t.Helper()
	x.do(r)
	for _, p := range x.told {
		x.live.take(x.t, p)
	}
	if x.b.IsJoining() {
		x.joined()
	}
	return r
}

func (x *trial) expireBoth() {
	if x.now >= x.b.SweepDue(&x.limits) {
		x.sweep()
	}
	if x.rng.IntN(100) == 0 || x.now >= x.b.Due(&x.limits) {
		x.done(x.b.Expire(x.moment(), &x.limits))
		if r := x.b.Expire(x.moment(), &x.limits); len(r.Events) > 0 {
			x.t.Fatalf("a second look at the same time finds %v", r.Events)
		}
	}
	x.m.expire(x.now, x.wants)
}

func (x *trial) step(i int) {
	switch n := x.rng.IntN(10); {
	case n < 5:
		x.publish(i)
	case n < 8:
		if x.rng.IntN(4) == 0 {
			x.act()
			return
		}
		x.mark()
	case n < 9:
		x.edit(i)
	default:
		if x.rng.IntN(3) == 0 {
			x.describe()
			return
		}
		if x.rng.IntN(3) == 0 {
			x.done(x.b.Delivered(x.b.seq-min(x.b.seq, uint64(x.rng.IntN(5))), x.b.pos-min(x.b.pos, uint64(x.rng.IntN(50))), "sse", x.moment()))
			return
		}
		x.retract()
	}
}

func (x *trial) publish(i int) {
	id := id(fmt.Sprint(i), x.now)
	o := &modelMessage{id: id, category: string(rune('a' + x.rng.IntN(6))), at: x.now, title: fmt.Sprint(i), own: true}
	m := &actors.Message{Id: id[:], Category: o.category, CreatedAt: x.now, Shared: x.rng.IntN(5) == 0}
	m.Content = []byte(`"title":"` + o.title + `"`)
	if x.rng.IntN(4) == 0 {
		m.Content = append(m.Content, fmt.Sprintf(`,"body":"%0*d"`, x.rng.IntN(300), 0)...)
	}
	m.Content = x.withActions(m.Content, o)
	o.size = len(m.Content)
	if x.rng.IntN(3) == 0 {
		o.collapse = string(rune('k' + x.rng.IntN(3)))
		m.CollapseKey = o.collapse
	}
	if x.rng.IntN(4) == 0 {
		m.SendAt = x.now + 1 + int64(x.rng.IntN(int(12*time.Hour/time.Millisecond)))
		o.state, o.until = actors.State_SCHEDULED, m.SendAt
	}
	if x.rng.IntN(4) == 0 {
		m.ExpiresAt = x.now + 1 + int64(x.rng.IntN(int(12*time.Hour/time.Millisecond)))
		o.expires = m.ExpiresAt
	}
	o.tenant = x.someTenant()
	m.Tenant = o.tenant
	if x.rng.IntN(3) == 0 {
		m.Policy, o.capped = modelPolicy, true
	}
	once := actors.EdgeOnce(id)
	if x.rng.IntN(3) == 0 {
		once = actors.CallersOnce("c", fmt.Sprint(i))
	}
	x.note("publish %s %+v", id, *o)
	dry := x.dryRun(m, once)
	r := x.done(x.b.Publish(m, once, x.moment(), &x.limits))
	if !x.joins || !x.overfull {
		x.compareDryRun(dry, r)
	}
	if o.size > x.limits.InboxBytes {
		if r.Err == nil {
			x.t.Fatal("took a message larger than the inbox")
		}
		return
	}
	x.erased = false
	if o.until != 0 || x.wants(o) && (o.waits(x.now) || x.m.passes(o, x.now)) {
		x.m.publish(o)
	}
	x.ids = append(x.ids, id)
	again := x.b.Publish(m, once, x.moment(), &x.limits)
	if len(again.Events) > 0 || !again.Replayed || again.ID != id || again.Rev != r.Events[0].Rev || again.Outcome != r.Outcome {
		x.t.Fatalf("the repeat of %+v is answered by %+v", r, again)
	}
}

func (x *trial) someID() actors.ID {
	if len(x.ids) == 0 || x.rng.IntN(20) == 0 {
		return id("nobody", x.now)
	}
	recent := x.ids[max(0, len(x.ids)-60):]
	return recent[x.rng.IntN(len(recent))]
}

func (x *trial) mark() {
	x.beforeMark()
	m := &actors.Mark{To: actors.Marking(1 + x.rng.IntN(5))}
	if m.To == actors.MarkSnoozed {
		m.Until = x.now + 1 + int64(x.rng.IntN(int(6*time.Hour/time.Millisecond)))
	}
	if x.rng.IntN(3) == 0 {
		m.Category = string(rune('a' + x.rng.IntN(6)))
	}
	if x.rng.IntN(3) == 0 {
		m.Tenant = x.someTenant()
	}
	var concerned []*modelMessage
	named := x.rng.IntN(3) > 0
	switch {
	case named:
		for range 1 + x.rng.IntN(5) {
			id := x.someID()
			m.IDs = append(m.IDs, id)
			if o := x.m.find(id); o != nil {
				concerned = append(concerned, o)
			}
		}
	case x.rng.IntN(2) == 0 && len(x.cursors) > 0:
		c := x.cursors[x.rng.IntN(len(x.cursors))]
		m.UpTo = &c
		for i := range x.b.entries {
			if x.b.entries[i].isCovered(c) {
				concerned = append(concerned, x.m.find(x.b.entries[i].id))
			}
		}
	default:
		concerned = x.m.list
	}
	once := actors.Once{}
	if x.rng.IntN(4) == 0 {
		once = actors.CallersOnce("c", fmt.Sprint("mark", x.rng.Uint64()))
	}
	x.note("mark %+v", *m)
	if r := x.done(x.b.Mark(m, once, x.moment())); r.Err != nil {
		x.t.Fatalf("%+v: %v", m, r.Err)
	}
	if !once.IsZero() {
		if r := x.b.Mark(m, once, x.moment()); len(r.Events) > 0 || !r.Replayed {
			x.t.Fatalf("the repeat of a mark is answered by %+v", r)
		}
	}
	for _, o := range concerned {
		if (m.Category == "" || o.category == m.Category) && (m.Tenant == "" || o.tenant == m.Tenant) {
			o.mark(m.To, m.Until, named)
		}
	}
}

func (x *trial) edit(i int) {
	id := x.someID()
	o := x.m.find(id)
	if o == nil || x.b.entries[x.b.find(id)].IsBroadcast() {
		return
	}
	category, title := string(rune('a'+x.rng.IntN(6))), fmt.Sprint("edited", i)
	patch := fmt.Sprintf(`{"title":%q,"category":%q,"body":null,"actions":null}`, title, category)
	if x.rng.IntN(2) == 0 {
		title += strings.Repeat("x", x.rng.IntN(300))
		patch = fmt.Sprintf(`{"title":%q,"category":%q,"body":null,"actions":null}`, title, category)
	}
	x.note("edit %s %s", id, patch)
	r := x.done(x.b.Edit(x.content(id), []byte(patch), actors.Once{}, x.moment(), &x.limits))
	if (r.Err != nil) != (len(title)+10 > x.limits.InboxBytes) {
		x.t.Fatalf("an edit to %d bytes: %v", len(title)+10, r.Err)
	}
	if r.Err != nil {
		return
	}
	o.category, o.title, o.size, o.actions = category, title, len(title)+10, false
	x.m.squeeze(o)
}

func (x *trial) retract() {
	id := x.someID()
	if i := x.b.find(id); i >= 0 && x.b.entries[i].IsBroadcast() {
		return
	}
	x.note("retract %s", id)
	r := x.done(x.b.Retract(id, actors.Once{}, x.moment()))
	if (r.Err == nil) != (x.m.find(id) != nil) {
		x.t.Fatalf("retract: %v, but the model has %v", r.Err, x.m.find(id))
	}
	x.m.remove(func(o *modelMessage) bool { return o.id == id })
}

// compare holds the inbox against the model, and the live client against it.
func (x *trial) compare() {
	x.t.Helper()
	if len(x.b.entries) != len(x.m.list) {
		x.t.Fatalf("%d messages, want %d", len(x.b.entries), len(x.m.list))
	}
	unread, unseen := uint32(0), uint32(0)
	for i, o := range x.m.list {
		n := &x.b.entries[i]
		got := modelMessage{n.id, x.b.categories[n.category].name, x.b.tenantOf(n), o.collapse, n.State, n.Until, n.expires, n.at, int(n.size), o.title, !n.IsBroadcast(), o.capped, o.held, o.actions, x.b.answerTo(n).String()}
		if !reflect.DeepEqual(&got, o) {
			x.t.Fatalf("message %d: got %+v, want %+v", i, got, *o)
		}
		if o.state == actors.State_UNSEEN {
			unseen++
		}
		if o.state == actors.State_UNSEEN || o.state == actors.State_SEEN {
			unread++
		}
	}
	x.compareTenants()
	if x.b.unread != unread || x.b.unseen != unseen {
		x.t.Fatalf("%d unread, %d unseen; want %d, %d", x.b.unread, x.b.unseen, unread, unseen)
	}
	if x.rng.IntN(20) == 0 && len(x.m.list) > 0 {
		o := x.m.list[x.rng.IntN(len(x.m.list))]
		var c struct{ Title string }
		raw := append(append([]byte("{"), x.content(o.id).Content...), '}')
		if err := json.Unmarshal(raw, &c); err != nil || c.Title != o.title {
			x.t.Fatalf("content %s, want the title %q", raw, o.title)
		}
	}
	x.screened("the live client", x.live)
}

func (x *trial) screened(who string, c *client) {
	x.t.Helper()
	if want := screen(x.b); !reflect.DeepEqual(c.states, want) {
		x.t.Fatalf("%s sees\n%v, want\n%v", who, c.states, want)
	}
	if c.counts == "" {
		return
	}
	var got, want struct {
		Unread, Unseen uint32
		By             map[string]uint32 `json:"by_category"`
		ByTenant       map[string]uint32 `json:"by_tenant"`
		Rev            uint64
	}
	if json.Unmarshal([]byte(c.counts), &got) != nil || json.Unmarshal(x.b.AppendCounts(nil), &want) != nil || !reflect.DeepEqual(got, want) {
		x.t.Fatalf("%s counts %+v, want %+v", who, got, want)
	}
}
