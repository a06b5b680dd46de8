package why

import (
	"fmt"

	"reddot/actors"
)

// gets tells whether the user is in the arm that is asked for, if one is.
func (p *part) gets() bool {
	of := &p.page.List[0]
	return !of.HeldOut && (p.page.Arm == "" || p.page.Arm == of.Arm)
}

// A partJSON is the part that a user has in a campaign's round.
type partJSON struct {
	Name    string `json:"name"`
	Round   uint32 `json:"round"`
	HeldOut bool   `json:"held_out"`
	Arm     string `json:"arm,omitempty"` // the user's
}

func (p *part) shown() partJSON {
	of := &p.page.List[0]
	return partJSON{p.campaign, p.page.Round, of.HeldOut, of.Arm}
}

// An explanation is that of a message of which the user's actor knows nothing.
type explanation struct {
	User      string     `json:"user"`
	Message   string     `json:"message,omitempty"`
	Decisions []struct{} `json:"decisions"`
	Outcome   struct {
		State string `json:"state"`
		Text  string `json:"text"`
	} `json:"outcome"`
	Campaign partJSON `json:"campaign"`
}

// without explains why the user got nothing.
func (p *part) without(user string, id actors.ID) *explanation {
	x := &explanation{User: user, Decisions: []struct{}{}, Campaign: p.shown()}
	if id != (actors.ID{}) {
		x.Message = id.String()
	}
	of := &p.page.List[0]
	switch {
	case of.HeldOut:
		x.Outcome.State = heldOut
		x.Outcome.Text = fmt.Sprintf("The user is held out of the campaign %s: if it was for the user, nothing of it was sent, so that there is somebody to compare with.", p.campaign)
	case !p.gets():
		x.Outcome.State = "other_arm"
		x.Outcome.Text = fmt.Sprintf("The user is in the arm %s of the campaign %s; this is what the arm %s gets.", of.Arm, p.campaign, p.page.Arm)
	default:
		x.Outcome.State = actors.NotInAudience
		x.Outcome.Text = fmt.Sprintf("The user would be in the arm %s, and knows nothing of it: the user was not in the audience when round %d of the campaign %s came by, "+
			"or it has not come yet, or it is longer ago than the journal reaches.", of.Arm, p.page.Round, p.campaign)
	}
	return x
}
