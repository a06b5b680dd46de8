package campaign

import (
	"strconv"
	"strings"

	"reddot/actors"
	"reddot/actors/campaign/plan"
)

// trace tells of a step once it is durable, if somebody traces the campaign. It names the
// messages of its round, by which what users do with them is traced, too.
func (a *Campaign) trace(e *actors.CampaignEvent) {
	t := a.Home.Traces.On()
	if t == nil {
		return
	}
	s := a.state
	h := &actors.Happening{What: "campaign", App: a.Key.App(), Campaign: a.Key.Name(), At: e.At}
	if n := len(s.rounds); n > 0 {
		for arm := range s.plan.Arms {
			h.Messages = append(h.Messages, plan.MessageID(s.plan, s.rounds[n-1].Number, s.rounds[n-1].Began, arm))
		}
	}
	if !t.Wants(h) {
		return
	}
	b := actors.AppendString([]byte(`,"kind":`), strings.ToLower(strings.TrimPrefix(e.Kind.String(), "CAMPAIGN_")))
	if e.Kind == actors.CampaignKind_CAMPAIGN_PROGRESS {
		users := uint64(0)
		for _, n := range e.Taken {
			users += n
		}
		b = strconv.AppendUint(append(b, `,"users":`...), users, 10)
		b = strconv.AppendUint(append(b, `,"held_out":`...), e.HeldOut, 10)
		b = strconv.AppendUint(append(b, `,"failed":`...), e.Failed, 10)
	}
	h.Body = actors.AppendString(append(b, `,"state":`...), s.status())
	a.Leave(&actors.Effect{}, nil, nil, func() { t.Tell(h) })
}
