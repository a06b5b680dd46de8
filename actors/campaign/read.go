package campaign

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"reddot/actors"
	"reddot/actors/campaign/plan"
)

// shownRounds is how many rounds are shown, the newest.
const shownRounds = 20

// A standing is how a campaign stands, as the API shows it.
type standing struct {
	State     string     `json:"state"`
	Version   uint64     `json:"version"`
	Hash      string     `json:"hash"`
	StartedAt time.Time  `json:"started_at"`
	StartedBy string     `json:"started_by"`
	SteeredAt *time.Time `json:"steered_at,omitempty"`
	SteeredBy string     `json:"steered_by,omitempty"`
	NextRound *time.Time `json:"next_round_at,omitempty"`
	Direct    bool       `json:"broadcast"` // each round is one entry of the broadcast log
	HeldOut   uint64     `json:"held_out"`
	Failed    uint64     `json:"failed"`
	Rounds    []round    `json:"rounds"`
	Arms      []arm      `json:"arms"`
}

type round struct {
	Number  uint32     `json:"number"`
	At      time.Time  `json:"at"`
	BeganAt time.Time  `json:"began_at"`
	EndedAt *time.Time `json:"ended_at,omitempty"`
	Users   *uint64    `json:"users,omitempty"` // who have been asked; of a broadcast nobody knows
	HeldOut uint64     `json:"held_out"`
	Failed  uint64     `json:"failed"`
	IDs     []string   `json:"messages"` // by arm
}

type arm struct {
	Name   string          `json:"name"`
	Weight uint32          `json:"weight"`
	Users  *uint64         `json:"users,omitempty"`
	Funnel json.RawMessage `json:"funnel"` // of the rounds that are shown
}

func at(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}

// read answers how the campaign stands, or which arm is a user's.
func (a *Campaign) read(r *actors.Request, c *actors.ReadCampaign) {
	s := a.state
	if s.plan == nil {
		a.refuse(r, errNotStarted)
		return
	}
	known, err := s.knows(r.Once)
	if err != nil {
		a.refuse(r, err)
		return
	}
	r.Answer.Replayed = known
	if c.User != "" {
		r.Answer.Body = armOf(s.plan, c.User)
		a.Leave(&r.Effect, r, nil, nil)
		a.committed()
		return
	}
	shown, ids, h := s.standing(), s.ids(), a.Home
	a.Leave(&r.Effect, r, nil, func() {
		h.Load(func() {
			var err error
			if r.Answer.Body, err = shown.withFunnels(h.Lookup, ids); err != nil {
				r.Fail(actors.AsError(err))
				return
			}
			r.Respond()
		})
	})
	a.committed()
}

// armOf says which arm is a user's.
func armOf(p *actors.CampaignPlan, user string) []byte {
	n := plan.Arm(p, user)
	if n < 0 {
		return []byte(`{"held_out":true}`)
	}
	return append(actors.AppendString([]byte(`{"held_out":false,"arm":`), p.Arms[n].Name), '}')
}

// standing returns how the campaign stands, without its funnels.
func (s *state) standing() *standing {
	p := s.plan
	out := &standing{
		State: s.status(), Version: p.Version, Hash: hex.EncodeToString(p.Hash), StartedAt: *at(s.started), StartedBy: p.By,
		NextRound: at(s.next), Direct: plan.Direct(p), Rounds: []round{},
	}
	if s.by != p.By || s.steered != s.started {
		out.SteeredAt, out.SteeredBy = at(s.steered), s.by
	}
	users := make([]uint64, len(p.Arms))
	for _, r := range s.shown() {
		out.HeldOut += r.HeldOut
		out.Failed += r.Failed
		all := uint64(0)
		for arm, n := range r.Taken {
			users[arm] += n
			all += n
		}
		one := round{Number: r.Number, At: *at(r.At), BeganAt: *at(r.Began), EndedAt: at(r.Ended), HeldOut: r.HeldOut, Failed: r.Failed}
		if !out.Direct {
			one.Users = &all
		}
		for arm := range p.Arms {
			one.IDs = append(one.IDs, plan.MessageID(p, r.Number, r.Began, arm).String())
		}
		out.Rounds = append(out.Rounds, one)
	}
	for i, of := range p.Arms {
		one := arm{Name: of.Name, Weight: of.Weight}
		if !out.Direct {
			one.Users = &users[i]
		}
		out.Arms = append(out.Arms, one)
	}
	return out
}

// shown returns the rounds that are shown.
func (s *state) shown() []*actors.CampaignRound { return s.rounds[max(0, len(s.rounds)-shownRounds):] }

// ids returns the messages of each arm in those rounds.
func (s *state) ids() [][]actors.ID {
	ids := make([][]actors.ID, len(s.plan.Arms))
	for _, r := range s.shown() {
		for arm := range ids {
			ids[arm] = append(ids[arm], plan.MessageID(s.plan, r.Number, r.Began, arm))
		}
	}
	return ids
}

// withFunnels returns it as JSON, with the sums of each arm's funnels.
func (out *standing) withFunnels(l actors.Lookup, ids [][]actors.ID) ([]byte, error) {
	for arm := range out.Arms {
		var sum [actors.NumTallies]int64
		for _, id := range ids[arm] {
			f, err := l.Tallies(context.Background(), id)
			if err != nil {
				return nil, err
			}
			for i, n := range f {
				sum[i] += n
			}
		}
		if out.Direct {
			out.Arms[arm].Funnel = actors.AppendBroadcastFunnel(nil, sum)
		} else {
			out.Arms[arm].Funnel = actors.AppendFunnel(nil, sum)
		}
	}
	return json.Marshal(out)
}

// find answers with a message of the campaign, and its funnel.
func (a *Campaign) find(r *actors.Request, id actors.ID) {
	s, h := a.state, a.Home
	if s.plan == nil {
		a.refuse(r, actors.ErrNotHere)
		return
	}
	for _, of := range s.rounds {
		for arm := range s.plan.Arms {
			if plan.MessageID(s.plan, of.Number, of.Began, arm) != id {
				continue
			}
			m := a.message(&walk{plan: s.plan, round: of}, id, arm)
			a.Leave(&r.Effect, r, nil, func() { h.Load(func() { answer(h, r, m) }) })
			a.committed()
			return
		}
	}
	a.refuse(r, actors.ErrNotHere)
}

// answer answers with the message and its funnel.
func answer(h *actors.Home, r *actors.Request, m *actors.Message) {
	f, err := h.Lookup.Tallies(context.Background(), actors.ID(m.Id))
	if err != nil {
		r.Fail(actors.AsError(err))
		return
	}
	b := append(actors.AppendStateless(nil, m), `,"state":"delivered","campaign":`...)
	b = actors.AppendString(append(actors.AppendString(b, m.Campaign), `,"arm":`...), m.Arm)
	b = append(actors.AppendTemplate(b, m), `,"funnel":`...)
	r.Answer.ID, r.Answer.Body = actors.ID(m.Id), append(actors.AppendFunnel(b, f), '}')
	r.Respond()
}
