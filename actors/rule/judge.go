package rule

import (
	"time"

	"reddot/actors"
	"reddot/actors/profile"
)

// Do is what is to become of a message.
type Do uint8

// What can become of a message.
const (
	Deliver Do = iota
	Hold       // it waits, and is judged anew
	Filter     // the user does not get it
	Gather     // it is an item of a digest
)

// A Candidate is a message as rules see it.
type Candidate struct {
	Category string
	Tenant   string // empty: none
	Channel  string // "inapp", or that of a way out
	Priority actors.Priority
	Expires  int64           // unix milliseconds; 0: never
	Digest   uint64          // what Digest returns; 0: not known, so it is no duplicate
	Screened *actors.Verdict // of the edge; nil: nothing was found
	Locked   bool            // the user can't switch the category off
	Off      bool            // the category's channel is off where the user says nothing
	Seed     uint64          // of the user: spreads what is released

	// Left returns how many of a quota can be spent now; known false: nobody knows yet. Nil:
	// quotas are not asked.
	Left func(Quota) (n int64, known bool)

	// Zones finds a time zone by its IANA name; nil: there is none. It is asked where the
	// user's zone matters.
	Zones func(name string) *time.Location
}

// A Decision is what is to become of a message.
type Decision struct {
	Do      Do
	Verdict *actors.Verdict // for the event; nil: there is nothing to keep
	Until   int64           // Hold: judge it again then; Gather: the digest closes then; unix milliseconds
	Key     string          // Gather: of the digest
	Spends  []Quota         // Deliver: one of each
}

// A Stage is what one rule says of a message.
type Stage struct {
	Rule    actors.Rule
	Do      Do     // Deliver: it has no objection
	Value   string // why, as a person reads it
	Policy  string // whose rule it is; empty: the user's or the app's own
	Version uint64
	Until   int64 // Hold, Gather; unix milliseconds
}

// lastRule is the last stage that is asked.
const lastRule = actors.Rule_QUOTA

// Judge decides about a message to a user. A nil policy asks for expiry, deny,
// subscription, mute and what the edge has found alone; s may be nil.
func (p *Policy) Judge(c *Candidate, who *profile.State, s *State, now int64) Decision {
	h := hearing{p: p, c: c, who: who, s: s, now: now}
	rule, f := h.hear(nil)
	if f.do == Deliver && p != nil && p.onPassed == Gather && !h.hurries() {
		if p.digest.lead && s.window(p.digest.keyOf(c), now) == nil {
			return h.lead()
		}
		f = h.gathered(finding{}, Deliver)
	}
	switch f.do {
	case Deliver:
		return Decision{Verdict: h.pass(), Spends: h.spends()}
	case Gather:
		return h.gather(rule, f)
	}
	return Decision{Do: f.do, Verdict: h.objection(rule, f), Until: f.until}
}

// Explain tells what each rule says of the message, in their order.
func (p *Policy) Explain(c *Candidate, who *profile.State, s *State, now int64) []Stage {
	h := hearing{p: p, c: c, who: who, s: s, now: now, full: true}
	var stages []Stage
	h.hear(&stages)
	return stages
}

// A hearing is one message before the rules.
type hearing struct {
	p    *Policy
	c    *Candidate
	who  *profile.State
	s    *State
	now  int64
	full bool // also what does not object says why

	allowed *actors.Standing // which passes some rules; nil: none
	said    finding          // of the rule that was asked last, if it objects or full is set
}

// A finding is what one rule says.
type finding struct {
	do    Do
	until int64 // Hold, Gather
	value string
	own   bool // the rule is the user's or the app's own
}

// says is how a rule answers.
func (h *hearing) says(f finding) Do {
	h.said = f
	return f.do
}

// unasked is the answer for a rule of the user's own that the policy does not respect.
func (h *hearing) unasked() Do { return h.says(finding{value: "the policy does not ask for it"}) }

// hear asks one rule after the other, and returns the one that decides.
func (h *hearing) hear(report *[]Stage) (by actors.Rule, decided finding) {
	last := lastRule
	if h.p == nil {
		last = actors.Rule_KEYWORDS
	}
	h.allowed = h.s.standing(true, h.c, h.now)
	for rule := actors.Rule_EXPIRY; rule <= last; rule++ {
		do := h.ask(rule)
		if do == Deliver && report == nil {
			continue
		}
		h.said.own = h.said.own || rule < actors.Rule_QUIET_HOURS
		if report != nil {
			*report = append(*report, h.stage(rule))
			h.said = finding{}
		} else if decided.do == Deliver || decided.do == Gather && rule == actors.Rule_DUPLICATE {
			by, decided = rule, h.said
			if do != Gather {
				break
			}
		}
	}
	return by, decided
}

// stage returns what a rule has said.
func (h *hearing) stage(rule actors.Rule) Stage {
	f := &h.said
	s := Stage{Rule: rule, Do: f.do, Value: f.value, Until: f.until}
	if h.p != nil && !f.own {
		s.Policy, s.Version = h.p.name, h.p.version
	}
	return s
}

// ask asks one rule.
func (h *hearing) ask(rule actors.Rule) Do {
	if pass := h.passes(rule); pass != "" {
		return h.says(finding{value: pass, own: pass != criticalPasses})
	}
	switch rule {
	case actors.Rule_EXPIRY:
		return h.expiry()
	case actors.Rule_DENY:
		return h.deny()
	case actors.Rule_SUBSCRIPTION:
		return h.subscription()
	case actors.Rule_MUTE:
		return h.mute()
	case actors.Rule_REVIEW, actors.Rule_KEYWORDS:
		return h.screened(rule)
	case actors.Rule_QUIET_HOURS:
		return h.quietHours()
	case actors.Rule_DUPLICATE:
		return h.duplicate()
	case actors.Rule_CAP:
		return h.caps()
	case actors.Rule_QUOTA:
		return h.quotas()
	}
	return Deliver
}

// Why a message passes a rule unasked.
const (
	criticalPasses = "a critical message passes"
	allowedPasses  = "the user is allowed"
)

// allowedPass is what those pass that are allowed.
var allowedPass = setOf(actors.Rule_QUIET_HOURS, actors.Rule_DUPLICATE, actors.Rule_CAP)

// passes says why the message passes a rule unasked; empty: it does not.
func (h *hearing) passes(rule actors.Rule) string {
	switch {
	case h.p != nil && h.c.Priority == actors.Priority_CRITICAL && h.p.critical.has(rule):
		return criticalPasses
	case h.allowed != nil && allowedPass.has(rule):
		return allowedPasses
	}
	return ""
}

// hurries tells whether the message is not for a digest that gathers all.
func (h *hearing) hurries() bool {
	return h.c.Priority == actors.Priority_CRITICAL || h.allowed != nil
}

// respects tells whether a rule of the user's own holds.
func (h *hearing) respects(rule actors.Rule) bool { return h.p == nil || h.p.respects.has(rule) }

// held returns what becomes of a message that a finding puts off until then; ok: that comes.
func (h *hearing) held(until int64, ok bool, f finding) finding {
	if !ok || until-h.now > maxHold {
		f.do, f.value = Filter, f.value+", for too long to wait"
		return f
	}
	f.do = Hold
	if h.p != nil {
		f.do = h.p.onHeld
	}
	switch f.do {
	case Hold:
		if f.until = until; h.p != nil && h.p.spread > 0 {
			f.until += int64(h.c.Seed % uint64(h.p.spread))
		}
	case Gather:
		f.until = until
		f = h.gathered(f, Hold)
	}
	return f
}

// objection returns the verdict of the rule that decides.
func (h *hearing) objection(rule actors.Rule, f finding) *actors.Verdict {
	if rule == actors.Rule_REVIEW || rule == actors.Rule_KEYWORDS {
		return h.c.Screened
	}
	v := &actors.Verdict{Rule: rule, Value: f.value}
	if h.p != nil && !f.own {
		v.Policy, v.Version = h.p.name, h.p.version
	}
	return v
}

// pass returns the verdict of a message that is delivered, with what that spends.
func (h *hearing) pass() *actors.Verdict {
	if h.p == nil {
		return nil
	}
	v := h.spend()
	v.Policy, v.Version = h.p.name, h.p.version
	h.remember(v)
	return v
}
