package wire

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
)

// Commands that stand in a message of their own. What they hold is checked by the
// actor, which the edge of another node may not have done as its program does.

// encodeOther fills in such a command; false: it is none.
func (w *WireRequest) encodeOther(c actors.Command) bool {
	switch c := c.(type) {
	case *actors.SetProfile:
		w.Other = &WireRequest_SetProfile{&WireSetProfile{Replace: c.Replace, Profile: c.Profile, Removed: c.Removed}}
	case *actors.ImportUser:
		p := &WireSetProfile{Replace: c.Profile.Replace, Profile: c.Profile.Profile, Removed: c.Profile.Removed}
		w.Other = &WireRequest_ImportUser{&WireImportUser{
			Profile: p, Preferences: c.Preferences, Follows: c.Follows, Lists: c.Lists, AllFollows: c.AllFollows, AllLists: c.AllLists,
		}}
	case *actors.SetPreferences:
		w.Other = &WireRequest_SetPreferences{&WireSetPreferences{Preferences: c.Preferences}}
	case *actors.SetStanding:
		w.Other = &WireRequest_SetStanding{c.Standing}
	case *actors.Follow:
		w.Other = &WireRequest_Follow{&WireFollow{Topic: c.Topic, Stop: c.Stop}}
	case *actors.JoinList:
		w.Other = &WireRequest_JoinList{&WireJoinList{List: c.List, Leave: c.Leave}}
	case *actors.ReadProfile:
		w.Other = &WireRequest_ReadProfile{&WireReadProfile{Part: uint32(c.Part), Limit: wireLimit(c.Limit), Next: c.Next}}
	case *actors.Broadcast:
		w.Other = &WireRequest_Broadcast{&WireBroadcast{Message: c.Message, Audience: c.Audience}}
	case *actors.Recipients:
		w.Other = &WireRequest_Recipients{&WireRecipients{Message: idOrNone(c.Message), Round: c.Round, Arm: c.Arm, User: c.User, After: c.After, Limit: wireLimit(c.Limit)}}
	case *actors.Explain:
		switch {
		case c.Brief:
			w.Other = &WireRequest_Outcome{c.ID[:]}
			return true
		case c.Own:
			w.Other = &WireRequest_ExplainOwn{c.ID[:]}
			return true
		}
		w.Other = &WireRequest_Explain{c.ID[:]}
	case *actors.Act:
		w.Other = &WireRequest_Act{&WireAct{Id: c.ID[:], Action: c.Action, Reply: c.Reply}}
	case *actors.Erase:
		w.Other = &WireRequest_Erase{&WireErase{}}
	case *actors.StartCampaign:
		w.Other = &WireRequest_StartCampaign{c.Plan}
	case *actors.SteerCampaign:
		w.Other = &WireRequest_SteerCampaign{&WireSteerCampaign{To: uint32(c.To), By: c.By}}
	case *actors.ReadCampaign:
		w.Other = &WireRequest_ReadCampaign{&WireReadCampaign{User: c.User}}
	default:
		return false
	}
	return true
}

// idOrNone returns an id as it crosses; nil for none.
func idOrNone(id actors.ID) []byte {
	if id == (actors.ID{}) {
		return nil
	}
	return id[:]
}

// tenantOf returns the tenant that a command with a number concerns; empty: none.
func tenantOf(c actors.Command) string {
	switch c := c.(type) {
	case *actors.Publish:
		return c.Message.Tenant
	case *actors.StartSend:
		return c.Message.Tenant
	case *actors.Mark:
		return c.Tenant
	case *actors.List:
		return c.Tenant
	case *actors.Counts:
		return c.Tenant
	}
	return ""
}

// decodeOfTenant returns a command that concerns a tenant.
func (w *WireRequest) decodeOfTenant(of *WireOfTenant, gate func(node, id string) *actor.PID) (actors.Command, error) {
	w.Command, w.Other = of.Command, nil
	c, err := w.decodeCommand(gate)
	switch c := c.(type) {
	case *actors.Mark:
		c.Tenant = of.Tenant
	case *actors.List:
		c.Tenant = of.Tenant
	case *actors.Counts:
		c.Tenant = of.Tenant
	}
	return c, err
}

// decodeOther returns such a command; nil if this program does not know it.
func (w *WireRequest) decodeOther(gate func(node, id string) *actor.PID) (actors.Command, error) {
	switch c := w.Other.(type) {
	case *WireRequest_DryRun:
		of, err := c.DryRun.decodeCommand(gate)
		switch of.(type) {
		case *actors.Publish, *actors.StartSend, *actors.Broadcast:
			return &actors.DryRun{Of: of}, err
		}
		return nil, err
	case *WireRequest_OfTenant:
		return w.decodeOfTenant(c.OfTenant, gate)
	case *WireRequest_SetProfile:
		return &actors.SetProfile{Replace: c.SetProfile.Replace, Profile: c.SetProfile.Profile, Removed: c.SetProfile.Removed}, nil
	case *WireRequest_ImportUser:
		m := c.ImportUser
		p := m.GetProfile()
		return &actors.ImportUser{
			Profile:     actors.SetProfile{Replace: p.GetReplace(), Profile: p.GetProfile(), Removed: p.GetRemoved()},
			Preferences: m.Preferences, Follows: m.Follows, Lists: m.Lists, AllFollows: m.AllFollows, AllLists: m.AllLists,
		}, nil
	case *WireRequest_SetPreferences:
		return &actors.SetPreferences{Preferences: c.SetPreferences.Preferences}, nil
	case *WireRequest_SetStanding:
		return &actors.SetStanding{Standing: c.SetStanding}, nil
	case *WireRequest_Follow:
		return &actors.Follow{Topic: c.Follow.Topic, Stop: c.Follow.Stop}, nil
	case *WireRequest_JoinList:
		return &actors.JoinList{List: c.JoinList.List, Leave: c.JoinList.Leave}, nil
	case *WireRequest_ReadProfile:
		if c.ReadProfile.Part >= uint32(actors.NumProfileParts) {
			return nil, fmt.Errorf("part %d of a profile", c.ReadProfile.Part)
		}
		return &actors.ReadProfile{Part: actors.ProfilePart(c.ReadProfile.Part), Limit: int(c.ReadProfile.Limit), Next: c.ReadProfile.Next}, nil
	case *WireRequest_Broadcast:
		if !isWhole(c.Broadcast.Message) {
			return nil, fmt.Errorf("a broadcast without a message as it has to be")
		}
		return &actors.Broadcast{Message: c.Broadcast.Message, Audience: c.Broadcast.Audience}, c.Broadcast.Audience.Check()
	case *WireRequest_Explain:
		if len(c.Explain) != 16 {
			return nil, fmt.Errorf("the id of a message of %d bytes", len(c.Explain))
		}
		return &actors.Explain{ID: actors.ID(c.Explain)}, nil
	case *WireRequest_Outcome:
		if len(c.Outcome) != 16 {
			return nil, fmt.Errorf("the id of a message of %d bytes", len(c.Outcome))
		}
		return &actors.Explain{ID: actors.ID(c.Outcome), Brief: true}, nil
	case *WireRequest_ExplainOwn:
		if len(c.ExplainOwn) != 16 {
			return nil, fmt.Errorf("the id of a message of %d bytes", len(c.ExplainOwn))
		}
		return &actors.Explain{ID: actors.ID(c.ExplainOwn), Own: true}, nil
	case *WireRequest_Recipients:
		m := c.Recipients
		r := &actors.Recipients{Round: m.Round, Arm: m.Arm, User: m.User, After: m.After, Limit: int(m.Limit)}
		switch len(m.Message) {
		case 0:
		case 16:
			r.Message = actors.ID(m.Message)
		default:
			return nil, fmt.Errorf("the id of a message of %d bytes", len(m.Message))
		}
		return r, nil
	case *WireRequest_Act:
		if len(c.Act.Id) != 16 {
			return nil, fmt.Errorf("an act with %d bytes of id", len(c.Act.Id))
		}
		return &actors.Act{ID: actors.ID(c.Act.Id), Action: c.Act.Action, Reply: c.Act.Reply}, nil
	case *WireRequest_Erase:
		return &actors.Erase{}, nil
	case *WireRequest_StartCampaign:
		return &actors.StartCampaign{Plan: c.StartCampaign}, c.StartCampaign.Check()
	case *WireRequest_SteerCampaign:
		if c.SteerCampaign.To >= uint32(actors.NumSteerings) {
			return nil, fmt.Errorf("steering %d of a campaign", c.SteerCampaign.To)
		}
		return &actors.SteerCampaign{To: actors.Steering(c.SteerCampaign.To), By: c.SteerCampaign.By}, nil
	case *WireRequest_ReadCampaign:
		return &actors.ReadCampaign{User: c.ReadCampaign.User}, nil
	}
	return nil, nil
}
