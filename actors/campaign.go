package actors

import "fmt"

// StartCampaign asks a campaign's actor to begin with a plan: its rounds come by
// themselves. Answers nothing but Err and Replayed: Conflict if it is under way.
type StartCampaign struct{ Plan *CampaignPlan }

// Weight implements Command.
func (c *StartCampaign) Weight() int { return c.Plan.SizeVT() }

// SteerCampaign asks a campaign that was started to go another way. Answers nothing but Err
// and Replayed: Conflict if it can't from where it stands, NotFound if it was not started.
type SteerCampaign struct {
	To Steering
	By string // a principal's id
}

// Weight implements Command.
func (c *SteerCampaign) Weight() int { return len(c.By) }

// Steering is where a campaign is asked to go. It is on the wire: append only.
type Steering uint8

// The steerings.
const (
	PauseCampaign   Steering = iota // nobody new is asked
	ResumeCampaign                  // from where it has paused; of the rounds that went by meanwhile the last one is made up for
	CancelCampaign                  // for good; who has it keeps it
	RetractCampaign                 // for good, and what was delivered is taken back
	NumSteerings
)

// String returns the steering's name in the API.
func (s Steering) String() string {
	return [...]string{"pause", "resume", "cancel", "retract"}[s]
}

// ReadCampaign asks how a campaign stands. Answers Body: a JSON object with its state, its
// rounds, and the funnel of each arm; with a User, the arm that is the user's in its place.
// Replayed: a start or a steering has come under the request's key. NotFound if it was not
// started.
type ReadCampaign struct{ User string }

// Weight implements Command.
func (c *ReadCampaign) Weight() int { return len(c.User) }

// MaxCampaignArms is how many arms a campaign has at most.
const MaxCampaignArms = 8

// Check tells whether the plan is one that may be stored.
func (p *CampaignPlan) Check() error {
	if len(p.GetId()) != 16 || len(p.Arms) == 0 || len(p.Arms) > MaxCampaignArms || p.Holdout >= 1000 || p.At <= 0 {
		return fmt.Errorf("a campaign's plan that is not whole")
	}
	for _, a := range p.Arms {
		if a.GetMessage() == nil || a.Weight == 0 || a.Weight > MaxCampaignWeight {
			return fmt.Errorf("an arm of a campaign without a message or a weight")
		}
	}
	return p.Audience.Check()
}

// MaxCampaignWeight is the most that an arm weighs.
const MaxCampaignWeight = 1000
