package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/actors/rule"
)

// A fakeRouter is a tiny inbox a user, enough for what the API shows of one.
// It implements actors.Router and actors.Lookup.
type fakeRouter struct {
	mu     sync.Mutex
	users  map[actors.Key]*fakeInbox
	owners map[actors.ID]actors.Key
	sends  map[actors.Key]*actors.StartSend
	seen   []actors.Command
	fail   func(*actors.Request) *actors.Error // nil: never
	hold   func(*actors.Request) bool          // true: it is not answered; nil: never
	held   []*actors.Request
}

type fakeInbox struct {
	rev      uint64
	messages []*fakeMessage
	once     map[[16]byte]fakeOnce
	known    profile.State
	rules    rule.State
}

type fakeMessage struct {
	id    actors.ID
	m     *actors.Message
	state string
}

type fakeOnce struct {
	digest uint64
	id     actors.ID
	rev    uint64
}

func newFakeRouter() *fakeRouter {
	return &fakeRouter{users: map[actors.Key]*fakeInbox{}, owners: map[actors.ID]actors.Key{}, sends: map[actors.Key]*actors.StartSend{}}
}

func (f *fakeRouter) Ask(ctx context.Context, r *actors.Request) error {
	f.Send(r.Key, r)
	if err := r.Wait(ctx); err != nil {
		return err
	}
	if r.Answer.Err != nil {
		return r.Answer.Err
	}
	return nil
}

func (f *fakeRouter) Send(_ actors.Key, m any) {
	r := m.(*actors.Request)
	f.mu.Lock()
	f.seen = append(f.seen, r.Command)
	if f.hold != nil && f.hold(r) {
		f.held = append(f.held, r)
		f.mu.Unlock()
		return
	}
	if f.fail != nil {
		if err := f.fail(r); err != nil {
			f.mu.Unlock()
			r.Fail(err)
			return
		}
	}
	f.answer(r)
	f.mu.Unlock()
	r.Respond()
}

// Owner, Tallies and Due implement actors.Lookup.
func (f *fakeRouter) Owner(_ context.Context, id actors.ID) (actors.Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if key, ok := f.owners[id]; ok {
		return key, nil
	}
	return "", actors.Errorf(actors.NotFound, "there is no such message")
}

func (f *fakeRouter) Tallies(context.Context, actors.ID) (t [actors.NumTallies]int64, err error) {
	return t, nil
}

func (f *fakeRouter) Due(context.Context, int64, func(actors.Key, int64) bool) error { return nil }

// deafBus is a bus by which nothing comes.
type deafBus struct{}

func (deafBus) Publish(string, []byte) {}

func (deafBus) Follow(string, func([]byte)) func() { return func() {} }

// last returns the newest command.
func (f *fakeRouter) last() actors.Command {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.seen) == 0 {
		return nil
	}
	return f.seen[len(f.seen)-1]
}

// commands returns all that came.
func (f *fakeRouter) commands() []actors.Command {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

func (f *fakeRouter) inbox(key actors.Key) *fakeInbox {
	u := f.users[key]
	if u == nil {
		u = &fakeInbox{once: map[[16]byte]fakeOnce{}}
		f.users[key] = u
	}
	return u
}

func (f *fakeRouter) answer(r *actors.Request) {
	u, a := f.inbox(r.Key), &r.Answer
	if !r.Once.IsZero() && !r.Once.Edge {
		if o, ok := u.once[r.Once.Key]; ok {
			if a.ID, a.Rev, a.Replayed, a.Outcome = o.id, o.rev, true, actors.Delivered; o.digest != r.Once.Digest {
				a.Err = actors.Errorf(actors.IdempotencyConflict, "the key was used for another request")
			}
			a.Counts = u.appendCounts(a.Counts[:0])
			return
		}
	}
	f.do(r, u)
	a.Cursor = actors.Cursor{Lineage: 1, Seq: u.rev}
	a.Counts = u.appendCounts(a.Counts[:0])
	if _, dry := r.Command.(*actors.DryRun); !dry && !r.Once.IsZero() && !r.Once.Edge && a.Err == nil {
		u.once[r.Once.Key] = fakeOnce{r.Once.Digest, a.ID, a.Rev}
	}
}

func (f *fakeRouter) do(r *actors.Request, u *fakeInbox) {
	a := &r.Answer
	switch cmd := r.Command.(type) {
	case *actors.Publish:
		u.rev++
		m := &fakeMessage{actors.ID(cmd.Message.Id), cmd.Message, "unseen"}
		u.messages = append(u.messages, m)
		f.owners[m.id] = r.Key
		a.ID, a.Rev, a.Outcome = m.id, u.rev, actors.Delivered
		if cmd.Message.SendAt != 0 {
			a.Outcome = actors.Scheduled
		}
		if cmd.Message.Category == "banned" {
			a.Outcome, a.Reason = actors.Filtered, "list \"deny\""
		}
	case *actors.DryRun:
		a.Outcome = actors.Delivered
	case *actors.StartSend:
		f.sends[r.Key] = cmd
		a.ID = actors.ID(cmd.Message.Id)
		f.owners[a.ID] = r.Key
	case *actors.Broadcast:
		a.ID = actors.ID(cmd.Message.Id)
		f.owners[a.ID] = r.Key
	case *actors.Edit:
		u.rev++
		a.ID, a.Rev = cmd.ID, u.rev
	case *actors.Retract:
		u.rev++
		a.ID, a.Rev = cmd.ID, u.rev
	case *actors.Mark:
		u.mark(cmd, a)
	case *actors.Act:
		u.rev++
		a.ID, a.Rev = cmd.ID, u.rev
		if cmd.Reply == "" {
			a.Err = (&actors.Acted{Action: "say", At: 1}).Won()
		}
	case *actors.Counts:
	case *actors.List:
		a.Body = []byte(`{"messages":[` + u.list() + `]}`)
	case *actors.Find:
		a.Body = []byte(`{"id":"` + cmd.ID.String() + `","created_at":"2026-01-31T12:00:00.000Z","category":"default","priority":"normal","body":"x","state":"unseen","funnel":{"accepted":1,"delivered":0,"seen":0,"read":0,"filtered":0,"acted":0}}`)
	case *actors.Connections:
		a.Body = []byte(`{"connections":[]}`)
	case *actors.Presence:
		a.Body = []byte(`{"online":true,"visible":true,"transports":["ws"],"last_seen":"2026-01-31T12:00:00.000Z"}`)
	case *actors.JournalPage:
		a.Body = []byte(`{"events":[]}`)
	case *actors.StartCampaign, *actors.SteerCampaign:
	case *actors.ReadCampaign:
		a.Body = []byte(`{"state":"running","version":1,"hash":"00","started_at":"2026-01-31T09:30:00Z","started_by":"key:a","broadcast":false,"held_out":0,"failed":0,"rounds":[],"arms":[{"name":"all","weight":1,"users":0,"funnel":{"accepted":0}}]}`)
		if cmd.User != "" {
			a.Body = []byte(`{"held_out":false,"arm":"all"}`)
		}
	case *actors.Explain:
		if f.owners[cmd.ID] != r.Key {
			a.Err = actors.Errorf(actors.NotFound, "neither the journal nor the log has this message")
		}
		a.Body = fmt.Appendf(nil, `{"user":%q,"message":%q,"decisions":[{"at":"2026-01-31T09:30:00.000Z","seq":1,"what":"accepted"}],"outcome":{"state":"unseen","text":"It is in the inbox."},"reaches":{"journal":1}}`, r.Key.Name(), cmd.ID)
		if cmd.Brief {
			a.Body = fmt.Appendf(nil, `{"user":%q,"state":"filtered","at":"2026-01-31T09:30:00.000Z","rule":"cap","policy":"one","version":1}`, r.Key.Name())
		}
	case *actors.Recipients:
		a.Body = []byte(`{"list":[{"user":"alice","message":"01980e2b-6b3c-7c1e-a4b0-0123456789ab","arm":"all"},{"user":"bob","held_out":true}],"round":1,"next":"bob"}`)
	case *actors.StateAt:
		if cmd.Rev > u.rev {
			a.Err = actors.Errorf(actors.NotFound, "the journal has no such rev")
		}
		a.Body = []byte(`{"rev":` + fmt.Sprint(cmd.Rev) + `}`)
	case *actors.Export:
		a.Body = []byte(`{"user":"` + r.Key.Name() + `","messages":[]}`)
	case *actors.SetProfile:
		c, err := u.known.SetProfile(cmd)
		u.learn(c, err, a)
		a.Body = profile.AppendProfile(nil, u.known.Profile())
	case *actors.ImportUser:
		c, err := u.known.Import(cmd)
		u.learn(c, err, a)
	case *actors.SetPreferences:
		c, err := u.known.SetPreferences(cmd.Preferences)
		u.learn(c, err, a)
		a.Body = profile.AppendPreferences(nil, u.known.Preferences())
	case *actors.SetStanding:
		c, err := u.rules.Stand(cmd.Standing, time.Now().UnixMilli())
		if a.Err = err; c != nil {
			u.rules.Apply(&actors.Event{Kind: actors.Kind_STANDING, Standing: c})
		}
	case *actors.JoinList:
		c, err := u.known.JoinList(cmd)
		u.learn(c, err, a)
	case *actors.Follow:
		c, err := u.known.Follow(cmd)
		u.learn(c, err, a)
	case *actors.ReadProfile:
		a.Body = [...][]byte{
			actors.PartProfile: profile.AppendProfile(nil, u.known.Profile()), actors.PartPreferences: profile.AppendPreferences(nil, u.known.Preferences()),
			actors.PartFollows:   append(profile.AppendNames([]byte(`{"follows":`), u.known.Follows()), '}'),
			actors.PartStandings: append(u.rules.AppendStandings(append(u.rules.AppendStandings([]byte(`{"deny":`), false, 0), `,"allow":`...), true, 0), '}'),
		}[cmd.Part]
	case *actors.Erase:
		*u = fakeInbox{once: u.once}
	case *actors.Disconnect:
	}
}

// learn takes in a change of what is known of the user.
func (u *fakeInbox) learn(c *actors.ProfileChange, err *actors.Error, a *actors.Answer) {
	if a.Err = err; c != nil {
		u.known.Apply(&actors.Event{Seq: 1, Profile: c})
	}
}

func (u *fakeInbox) mark(m *actors.Mark, a *actors.Answer) {
	u.rev++
	a.Rev = u.rev
	for _, id := range m.IDs {
		found := false
		for _, x := range u.messages {
			if x.id == id {
				x.state, found = "read", true
			}
		}
		if !found {
			a.Unknown = append(a.Unknown, id)
		}
	}
	if m.IDs == nil {
		for _, x := range u.messages {
			x.state = "read"
		}
	}
}

func (u *fakeInbox) list() string {
	s := ""
	for i, x := range u.messages {
		if i > 0 {
			s += ","
		}
		s += `{"id":"` + x.id.String() + `","created_at":"2026-01-31T12:00:00.000Z","category":"` + x.m.Category + `","priority":"normal",` + string(x.m.Content) + `,"state":"` + x.state + `"}`
	}
	return s
}

func (u *fakeInbox) appendCounts(b []byte) []byte {
	unread := 0
	by := map[string]int{}
	for _, x := range u.messages {
		if x.state != "read" {
			unread++
			by[x.m.Category]++
		}
	}
	categories, _ := json.Marshal(by)
	return fmt.Appendf(b, `{"unread":%d,"unseen":%d,"by_category":%s,"rev":%d,"cursor":"%s"}`, unread, unread, categories, u.rev,
		actors.Cursor{Lineage: 1, Seq: u.rev})
}
