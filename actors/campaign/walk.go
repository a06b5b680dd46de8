package campaign

import (
	"context"
	"time"

	"reddot/actors"
	"reddot/actors/campaign/plan"
)

// A walk is one page of users on its way.
type walk struct {
	plan    *actors.CampaignPlan
	round   *actors.CampaignRound
	undo    bool  // what they have is taken back
	direct  bool  // the broadcast log is asked in the place of users
	began   int64 // unix milliseconds
	size    int   // users of the page
	users   []string
	arms    []int8 // of the users; -1: held out
	next    string // where the page behind it begins; empty: there is none
	at      int    // of the users, who is asked next
	flying  int
	again   []int // could not answer now
	taken   []uint64
	heldOut uint64
	failed  []uint64      // by arm
	pause   time.Duration // before those are asked again
}

// What the campaign's actor tells itself of a walk. One of another walk is of the past.
type (
	found struct {
		walk  *walk
		users []string
		next  string
		err   error
	}
	answered struct {
		walk *walk
		user int
		err  *actors.Error
	}
	// The pause is over; a nil walk: of what was between two.
	rested struct{ walk *walk }
)

// The bounds of a walk.
const (
	pageUsers  = 1000
	window     = 512 // users under way at a time
	leastPause = 100 * time.Millisecond
	mostPause  = 30 * time.Second
	patience   = time.Hour // who has not answered by then is given up, so that one can't hold up all
)

// begin goes on with a round.
func (a *Campaign) begin(r *actors.CampaignRound) {
	s := a.state
	w := &walk{plan: s.plan, round: r, taken: make([]uint64, len(r.Taken)), failed: make([]uint64, len(r.Taken))}
	a.load(w, s.plan.Audience, a.page())
}

// page returns how many users a page has.
func (a *Campaign) page() int {
	if p := int(a.state.plan.Pace); p > 0 {
		return min(pageUsers, max(1, p/4)) // four pages a second at least
	}
	return pageUsers
}

// undo goes on taking back what was delivered, round by round. Who is in the audience no more
// may have it all the same, so all users are asked.
func (a *Campaign) undo() {
	r := a.state.rounds[a.state.undone]
	a.load(&walk{plan: a.state.plan, round: r, undo: true, failed: make([]uint64, len(r.Taken))}, &actors.Audience{All: true}, a.page())
}

// load reads the page behind the cursor.
func (a *Campaign) load(w *walk, to *actors.Audience, size int) {
	w.began = a.Home.Now()
	a.walk = w
	if w.direct = plan.Direct(w.plan); w.direct {
		w.users, w.arms = []string{""}, []int8{0}
		a.ask()
		return
	}
	h, self, finder, app, after := a.Home, a.Self, a.finder, a.Key.App(), a.state.cursor
	h.Load(func() {
		users, next, err := finder.Page(context.Background(), app, to, w.round.Began, after, size)
		h.Send(self, &found{w, users, next, err})
	})
}

func (a *Campaign) found(m *found) {
	w := m.walk
	if w != a.walk {
		return
	}
	if m.err != nil {
		a.Home.Log.Warn("a campaign can't find its users", "campaign", string(a.Key), "err", m.err)
		a.walk = nil
		a.rest(nil, mostPause)
		return
	}
	w.users, w.next, w.size, w.arms = m.users, m.next, len(m.users), make([]int8, len(m.users))
	for i, user := range w.users {
		w.arms[i] = int8(plan.Arm(w.plan, user))
	}
	a.ask()
}

// ask keeps the window full.
func (a *Campaign) ask() {
	w := a.walk
	for w.flying < window && w.at < len(w.users) && !a.Ending {
		i := w.at
		w.at++
		if w.arms[i] < 0 {
			w.heldOut++
			continue
		}
		w.flying++
		a.askOne(w, i)
	}
	if w.flying == 0 && w.at >= len(w.users) {
		a.turn()
	}
}

// askOne asks one user, or the log.
func (a *Campaign) askOne(w *walk, user int) {
	h, self, arm := a.Home, a.Self, int(w.arms[user])
	key := actors.UserKey(a.Key.App(), w.users[user])
	if w.direct {
		key = actors.LogKey(a.Key.App())
	}
	id := plan.MessageID(w.plan, w.round.Number, w.round.Began, arm)
	r := actors.NewRequest(key, a.command(w, id, arm))
	r.Once = actors.Once{Key: id, Digest: 1}
	if w.undo {
		r.Once.Key[6] ^= 0x80 // another thing under another key
	}
	r.OnReply(func(r *actors.Request) {
		err := r.Answer.Err
		r.Release()
		h.Send(self, &answered{w, user, err})
	})
	h.Router.Send(r.Key, r)
}

// command is what is asked of a user of an arm, or of the log.
func (a *Campaign) command(w *walk, id actors.ID, arm int) actors.Command {
	switch {
	case w.undo:
		return &actors.Retract{ID: id, Brief: !w.direct}
	case w.direct:
		return &actors.Broadcast{Message: a.message(w, id, arm), Audience: w.plan.Audience}
	}
	return &actors.Publish{Message: a.message(w, id, arm)}
}

// message is what an arm says in a round.
func (a *Campaign) message(w *walk, id actors.ID, arm int) *actors.Message {
	of := w.plan.Arms[arm]
	m := of.Message.Copy()
	m.Id, m.CreatedAt, m.Shared = id[:], w.round.Began, true
	m.Campaign, m.Arm = a.Key.Name(), of.Name
	return m
}

func (a *Campaign) answered(m *answered) {
	w := m.walk
	if w != a.walk {
		return
	}
	w.flying--
	switch err := m.err; {
	case err == nil && !w.undo:
		w.taken[w.arms[m.user]]++
	case err == nil, w.undo && err.Code == actors.NotFound:
	case (err.Temporary() || err.Code == actors.Internal) && a.Home.Now()-w.began < patience.Milliseconds():
		w.again = append(w.again, m.user)
	default:
		w.failed[w.arms[m.user]]++
		a.Home.Log.Warn("a user refuses a campaign", "campaign", string(a.Key), "user", w.users[m.user], "err", err)
	}
	a.ask()
}

// turn is behind the last user of a page: those who could not answer are asked again, and else
// the page is written down.
func (a *Campaign) turn() {
	w := a.walk
	switch {
	case len(w.again) == 0:
		a.progress()
		return
	case a.isStale(w):
		a.drop()
		return
	}
	users, arms := make([]string, len(w.again)), make([]int8, len(w.again))
	for i, of := range w.again {
		users[i], arms[i] = w.users[of], w.arms[of]
	}
	w.users, w.arms, w.again, w.at = users, arms, nil, 0
	w.pause = min(max(2*w.pause, leastPause), mostPause)
	a.rest(w, w.pause)
}

// progress writes a page down, and goes on.
func (a *Campaign) progress() {
	w, s := a.walk, a.state
	if a.Ending {
		return
	}
	if w.plan != s.plan { // the campaign has begun anew
		a.drop()
		return
	}
	e := &actors.CampaignEvent{Kind: actors.CampaignKind_CAMPAIGN_PROGRESS, At: a.Home.Now(), Round: w.round.Number, Undo: w.undo,
		Cursor: w.next, Over: w.next == "", Taken: w.taken, HeldOut: w.heldOut}
	write := &actors.Write{}
	for arm, n := range w.failed {
		if e.Failed += n; n > 0 && !w.undo {
			write.Tally = append(write.Tally, actors.Tally{ID: plan.MessageID(w.plan, w.round.Number, w.round.Began, arm), Kind: actors.TallyFiltered, N: int64(n)})
		}
	}
	if a.journal(e, write) != nil {
		a.rest(w, time.Second)
		return
	}
	a.count(e)
	a.walk, a.notBefore = nil, w.began
	if p := int64(w.plan.Pace); p > 0 {
		a.notBefore += int64(w.size) * 1000 / p
	}
	a.goOn()
}

// count counts the users of a page.
func (a *Campaign) count(e *actors.CampaignEvent) {
	if e.Undo || a.walk.direct {
		return
	}
	asked := uint64(0)
	for _, n := range e.Taken {
		asked += n
	}
	for outcome, n := range map[string]uint64{"asked": asked, "held_out": e.HeldOut, "failed": e.Failed} {
		a.Home.Metrics.Walked.WithLabelValues(outcome).Add(float64(n))
	}
}

// isStale tells whether the campaign has been asked to go another way since the page began.
// Who has not answered is asked when the page comes again, if it does.
func (a *Campaign) isStale(w *walk) bool {
	s := a.state
	return w.plan != s.plan || w.undo != s.retracting || s.paused || s.cancelled && !w.undo
}

// drop gives a page up, and does what is next.
func (a *Campaign) drop() {
	a.walk = nil
	a.goOn()
}

// rest waits, and then goes on with a walk, or with what is next.
func (a *Campaign) rest(w *walk, wait time.Duration) {
	h, self := a.Home, a.Self
	h.Delay(wait, func() { h.Send(self, &rested{w}) })
}

func (a *Campaign) rested(m *rested) {
	switch {
	case m.walk == nil:
		a.resting = false
		a.goOn()
	case m.walk != a.walk:
	case a.isStale(m.walk):
		a.drop()
	case a.walk.at >= len(a.walk.users) && len(a.walk.again) == 0 && a.walk.flying == 0:
		a.progress()
	default:
		a.ask()
	}
}

// ForOne implements ForOne.
func (*found) ForOne() {}

// ForOne implements ForOne.
func (*answered) ForOne() {}

// ForOne implements ForOne.
func (*rested) ForOne() {}
