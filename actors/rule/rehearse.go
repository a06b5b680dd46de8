package rule

import (
	"slices"

	"reddot/actors"
	"reddot/actors/profile"
)

// A Past message is one that came at a time.
type Past struct {
	Candidate
	ID actors.ID
	At int64 // unix milliseconds
}

// An Outcome is what a policy would have made of one.
type Outcome struct {
	Past  *Past
	Do    Do          // Hold: it would wait still
	Rule  actors.Rule // that objected last; PASSED: none did
	Value string      // why
	Held  bool        // it would have waited
	At    int64       // unix milliseconds: when it would have been decided, or until when it would wait
}

// Word is what would have become of the message, in the API.
func (o *Outcome) Word() string {
	return [...]string{Deliver: "delivered", Hold: "held", Filter: "filtered", Gather: "digest"}[o.Do]
}

// Rehearse tells what the policy would have made of messages that came one after the other,
// up to a time: with what is known of the user, and what the app says of it, now.
func (p *Policy) Rehearse(past []Past, who *profile.State, standings *State, until int64) []Outcome {
	r := &rehearsal{policy: p, who: who, state: &State{}, out: make([]Outcome, 0, len(past))}
	if standings != nil {
		r.state.standings = slices.Clone(standings.standings)
	}
	for i := range past {
		if past[i].At > until {
			break
		}
		r.pass(past[i].At)
		r.out = append(r.out, Outcome{Past: &past[i]})
		r.judge(i, past[i].At)
	}
	r.pass(until)
	return r.out
}

// A rehearsal is what would have come of messages so far.
type rehearsal struct {
	policy  *Policy
	who     *profile.State
	state   *State
	out     []Outcome
	waiting []int // of those, by when they are due
}

// pass lets time pass: digests close, and what is held is judged anew.
func (r *rehearsal) pass(until int64) {
	for {
		due, closes := int64(actors.Never), r.state.Due()
		if len(r.waiting) > 0 {
			due = r.out[r.waiting[0]].At
		}
		switch now := min(due, closes); {
		case now > until:
			return
		case now == closes:
			key, _ := r.state.Closing(now)
			r.state.closed(key)
		default:
			i := r.waiting[0]
			r.waiting = r.waiting[1:]
			r.judge(i, now)
		}
	}
}

// judge judges a message, and takes in what that spends.
func (r *rehearsal) judge(i int, now int64) {
	o := &r.out[i]
	d := r.policy.Judge(&o.Past.Candidate, r.who, r.state, now)
	if o.Rule == actors.Rule_PASSED || d.Do != Deliver {
		o.Rule, o.Value = d.Verdict.GetRule(), d.Verdict.GetValue()
	}
	o.Do, o.At = d.Do, now
	e := &actors.Event{Kind: actors.Kind_ACCEPTED, At: now, Verdict: d.Verdict}
	switch d.Do {
	case Gather:
		id := o.Past.ID
		e.Kind, e.Until, e.Message = actors.Kind_DIGESTED, d.Until, &actors.Message{Id: id[:], Category: o.Past.Category, Tenant: o.Past.Tenant}
	case Filter:
		e.Kind = actors.Kind_FILTERED
	case Hold:
		o.At, o.Held = d.Until, true
		place := len(r.waiting)
		for place > 0 && r.out[r.waiting[place-1]].At > d.Until {
			place--
		}
		r.waiting = slices.Insert(r.waiting, place, i)
	}
	r.state.Apply(e)
}
