package campaign

import (
	"fmt"
	"maps"
	"slices"

	"reddot/actors"
)

// A state is what is known of a campaign. It is pure.
type state struct {
	seq        uint64
	kept       uint64 // the seq of the newest snapshot
	plan       *actors.CampaignPlan
	started    int64 // unix milliseconds
	next       int64 // likewise, of the next round; 0: there is none
	rounds     []*actors.CampaignRound
	number     uint32 // rounds so far
	cursor     string // of the walk
	paused     bool
	cancelled  bool
	retracting bool
	retracted  bool
	undone     int // of rounds, whose messages were taken back
	by         string
	steered    int64 // unix milliseconds
	keys       map[[16]byte]onceKey
}

type onceKey struct {
	digest uint64
	at     int64
}

// status says where the campaign stands, as the API does.
func (s *state) status() string {
	switch {
	case s.retracting:
		return "retracting"
	case s.retracted:
		return "retracted"
	case s.cancelled:
		return "cancelled"
	case s.paused:
		return "paused"
	case s.round() != nil:
		return "running"
	case s.next != 0:
		return "scheduled"
	}
	return "done"
}

// round returns the round that is under way; nil: none is.
func (s *state) round() *actors.CampaignRound {
	if n := len(s.rounds); n > 0 && s.rounds[n-1].Ended == 0 {
		return s.rounds[n-1]
	}
	return nil
}

// isActive tells whether the campaign has something to do, now or later.
func (s *state) isActive() bool {
	if s.plan == nil {
		return false
	}
	switch s.status() {
	case "running", "scheduled", "retracting", "paused":
		return true
	}
	return false
}

var steps = map[actors.Steering]actors.CampaignKind{
	actors.PauseCampaign:   actors.CampaignKind_CAMPAIGN_PAUSED,
	actors.ResumeCampaign:  actors.CampaignKind_CAMPAIGN_RESUMED,
	actors.CancelCampaign:  actors.CampaignKind_CAMPAIGN_CANCELLED,
	actors.RetractCampaign: actors.CampaignKind_CAMPAIGN_RETRACTED,
}

// knows tells whether a request comes again.
func (s *state) knows(once actors.Once) (bool, *actors.Error) {
	k, ok := s.keys[once.Key]
	if ok && k.digest != once.Digest {
		return false, actors.Errorf(actors.IdempotencyConflict, "this Idempotency-Key was used for another request")
	}
	return ok, nil
}

// decide returns the event of a request; nil if it comes again.
func (s *state) decide(e *actors.CampaignEvent, once actors.Once) (*actors.CampaignEvent, *actors.Error) {
	if known, err := s.knows(once); known || err != nil {
		return nil, err
	}
	if err := s.allows(e.Kind); err != nil {
		return nil, err
	}
	e.Seq = s.seq + 1
	if !once.IsZero() && !once.Edge {
		e.Once, e.Digest = once.Key[:], once.Digest
	}
	return e, nil
}

func (s *state) allows(k actors.CampaignKind) *actors.Error {
	if s.plan == nil {
		if k == actors.CampaignKind_CAMPAIGN_STARTED {
			return nil
		}
		return errNotStarted
	}
	at, ok := s.status(), false
	switch k {
	case actors.CampaignKind_CAMPAIGN_STARTED:
		if !s.isActive() && len(s.rounds) > 0 {
			return actors.Errorf(actors.Conflict, "the campaign is %s, and its messages are in inboxes still; write another campaign", at)
		}
		ok = !s.isActive()
	case actors.CampaignKind_CAMPAIGN_PAUSED:
		ok = at == "running" || at == "scheduled"
	case actors.CampaignKind_CAMPAIGN_RESUMED:
		ok = at == "paused"
	case actors.CampaignKind_CAMPAIGN_CANCELLED:
		ok = at == "running" || at == "scheduled" || at == "paused"
	case actors.CampaignKind_CAMPAIGN_RETRACTED:
		ok = !s.retracting && !s.retracted
	}
	if !ok {
		return actors.Errorf(actors.Conflict, "the campaign is %s", at)
	}
	return nil
}

var errNotStarted = actors.Errorf(actors.NotFound, "the campaign was not started")

// apply takes in one event, a fresh one or one that the journal replays.
func (s *state) apply(e *actors.CampaignEvent) error {
	if e.Seq != s.seq+1 {
		return fmt.Errorf("event %d follows event %d: the journal is damaged", e.Seq, s.seq)
	}
	if s.plan == nil && e.Kind != actors.CampaignKind_CAMPAIGN_STARTED {
		return fmt.Errorf("event %d is about a campaign that was not started", e.Seq)
	}
	switch e.Kind {
	case actors.CampaignKind_CAMPAIGN_STARTED:
		if err := e.Plan.Check(); err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
		*s = state{seq: s.seq, kept: s.kept, keys: s.keys, plan: e.Plan, started: e.At, next: e.Plan.At}
	case actors.CampaignKind_CAMPAIGN_ROUND:
		s.number++
		s.rounds = append(s.rounds, &actors.CampaignRound{Number: s.number, At: e.RoundAt, Began: e.At, Taken: make([]uint64, len(s.plan.Arms))})
		s.next, s.cursor = e.Next, ""
	case actors.CampaignKind_CAMPAIGN_PROGRESS:
		if err := s.progress(e); err != nil {
			return err
		}
	case actors.CampaignKind_CAMPAIGN_PAUSED:
		s.paused = true
	case actors.CampaignKind_CAMPAIGN_RESUMED:
		s.paused = false
	case actors.CampaignKind_CAMPAIGN_CANCELLED, actors.CampaignKind_CAMPAIGN_RETRACTED:
		s.end(e)
	default:
		return fmt.Errorf("event %d is of kind %d, which this program does not know: it is older than the data", e.Seq, e.Kind)
	}
	s.seq = e.Seq
	if e.By != "" {
		s.by, s.steered = e.By, e.At
	}
	s.remember(e)
	return nil
}

// end is for good.
func (s *state) end(e *actors.CampaignEvent) {
	if r := s.round(); r != nil {
		r.Ended = e.At
	}
	s.cancelled, s.paused, s.next, s.cursor = true, false, 0, ""
	s.retracting = e.Kind == actors.CampaignKind_CAMPAIGN_RETRACTED
	s.undone = 0
	if s.retracting && len(s.rounds) == 0 {
		s.retracting, s.retracted = false, true
	}
}

// progress takes in a page. One of a round that was cancelled meanwhile counts, too.
func (s *state) progress(e *actors.CampaignEvent) error {
	if e.Undo {
		s.unwind(e)
		return nil
	}
	i := slices.IndexFunc(s.rounds, func(r *actors.CampaignRound) bool { return r.Number == e.Round })
	if i < 0 || len(e.Taken) != len(s.rounds[i].Taken) {
		return fmt.Errorf("event %d is about round %d, which there is not", e.Seq, e.Round)
	}
	r := s.rounds[i]
	for i, n := range e.Taken {
		r.Taken[i] += n
	}
	r.HeldOut += e.HeldOut
	r.Failed += e.Failed
	if r.Ended != 0 {
		return nil
	}
	if s.cursor = e.Cursor; e.Over {
		r.Ended, s.cursor = e.At, ""
	}
	return nil
}

// unwind takes in a page of what is taken back.
func (s *state) unwind(e *actors.CampaignEvent) {
	if !s.retracting {
		return
	}
	if s.cursor = e.Cursor; !e.Over {
		return
	}
	s.cursor = ""
	if s.undone++; s.undone >= len(s.rounds) {
		s.retracting, s.retracted = false, true
	}
}

// remember keeps the key of a request.
func (s *state) remember(e *actors.CampaignEvent) {
	if len(e.Once) != 16 {
		return
	}
	if s.keys == nil {
		s.keys = make(map[[16]byte]onceKey)
	}
	maps.DeleteFunc(s.keys, func(_ [16]byte, k onceKey) bool { return k.at < e.At-actors.CallerKeyAge })
	s.keys[[16]byte(e.Once)] = onceKey{e.Digest, e.At}
}
