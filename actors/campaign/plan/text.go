package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"reddot/actors"
)

// A Text is what an author has written of a campaign.
type Text struct {
	To       json.RawMessage `json:"to"`                // as in a publish
	Message  json.RawMessage `json:"message,omitempty"` // likewise, where there are no arms
	Arms     []Arms          `json:"arms,omitempty"`
	Holdout  float64         `json:"holdout,omitempty"` // percent, in tenths
	Schedule *Schedule       `json:"schedule,omitempty"`
	Pace     int             `json:"pace,omitempty"` // users a second; 0: as fast as they take it

	body []byte
	hash string
}

// Arms is one of the things that the campaign says, and to how many.
type Arms struct {
	Name    string          `json:"name"`
	Weight  int             `json:"weight,omitempty"` // of the sum of all; 1
	Message json.RawMessage `json:"message"`
}

// A Schedule says when the rounds are. Without one there is one round, at the start.
type Schedule struct {
	At    *time.Time `json:"at,omitempty"`   // of one round
	Cron  string     `json:"cron,omitempty"` // of many
	Zone  string     `json:"zone,omitempty"` // of Cron
	From  *time.Time `json:"from,omitempty"` // no round is before
	Until *time.Time `json:"until,omitempty"`
}

// The bounds of a text.
const (
	MaxText = 256 << 10 // bytes
	MaxName = 64        // bytes of an arm's name
	maxPace = 1_000_000
)

// whole is the name of the arm where there is one alone.
const whole = "all"

// New checks a text.
func New(t *Text) (*Text, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode the campaign: %w", err)
	}
	sum := sha256.Sum256(body)
	t.body, t.hash = body, hex.EncodeToString(sum[:])
	return t, nil
}

// Parse reads a text as it is stored.
func Parse(body []byte) (*Text, error) {
	t := &Text{}
	in := json.NewDecoder(bytes.NewReader(body))
	in.DisallowUnknownFields()
	if err := in.Decode(t); err != nil {
		return nil, fmt.Errorf("decode the campaign: %w", err)
	}
	return New(t)
}

// Hash names the text: the SHA-256 of it, in hexadecimal.
func (t *Text) Hash() string { return t.hash }

// Body is the text as it is stored: a JSON object.
func (t *Text) Body() []byte { return t.body }

// check tells what is wrong with the text, but for its messages and whom it is for.
func (t *Text) check() error {
	for _, check := range []func() *actors.Error{t.checkArms, t.checkSchedule, t.checkNumbers} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (t *Text) checkArms() *actors.Error {
	switch {
	case len(t.To) == 0:
		return wrong("to", "it is missing: say whom the campaign is for")
	case len(t.Arms) == 0 && len(t.Message) == 0:
		return wrong("message", "it is missing: say what the campaign says, here or in arms")
	case len(t.Arms) > 0 && len(t.Message) > 0:
		return wrong("arms", "a campaign has a message or arms, not both")
	case len(t.Arms) > actors.MaxCampaignArms:
		return wrong("arms", fmt.Sprintf("at most %d fit in a campaign", actors.MaxCampaignArms))
	}
	seen := map[string]bool{}
	for i := range t.Arms {
		a, at := &t.Arms[i], fmt.Sprintf("arms[%d]", i)
		switch {
		case a.Name == "" || len(a.Name) > MaxName:
			return wrong(at+".name", fmt.Sprintf("it has 1 to %d bytes", MaxName))
		case seen[a.Name]:
			return wrong(at+".name", "another arm has it")
		case len(a.Message) == 0:
			return wrong(at+".message", "it is missing")
		case a.Weight < 0 || a.Weight > actors.MaxCampaignWeight:
			return wrong(at+".weight", fmt.Sprintf("it is 1 to %d", actors.MaxCampaignWeight))
		}
		seen[a.Name] = true
	}
	return nil
}

func (t *Text) checkSchedule() *actors.Error {
	s := t.Schedule
	switch {
	case s == nil:
		return nil
	case s.Cron == "" && s.At == nil:
		return wrong("schedule", "it says no time: say at or cron")
	case s.Cron != "" && s.At != nil:
		return wrong("schedule.at", "a schedule has at or cron, not both")
	case s.Cron == "" && (s.Zone != "" || s.From != nil || s.Until != nil):
		return wrong("schedule", "zone, from and until go with cron")
	case s.Cron == "":
		return nil
	case s.From != nil && s.Until != nil && s.Until.Before(*s.From):
		return wrong("schedule.until", "it is before from")
	}
	return checkCron(s.Cron, s.Zone)
}

func (t *Text) checkNumbers() *actors.Error {
	switch tenths := t.Holdout * 10; {
	case !(t.Holdout >= 0 && t.Holdout <= 50) || math.Abs(tenths-math.Round(tenths)) > 1e-9:
		return wrong("holdout", "it is 0 to 50 percent, in tenths")
	case t.Pace < 0 || t.Pace > maxPace:
		return wrong("pace", fmt.Sprintf("it is 1 to %d users a second", maxPace))
	}
	return nil
}

// All returns the arms, also where there is one alone.
func (t *Text) All() []Arms {
	if len(t.Arms) == 0 {
		return []Arms{{Name: whole, Weight: 1, Message: t.Message}}
	}
	all := make([]Arms, len(t.Arms))
	for i, a := range t.Arms {
		a.Weight = max(a.Weight, 1)
		all[i] = a
	}
	return all
}

// Fill puts into the plan of a start, in unix milliseconds, what the text says but for whom it
// is for and its messages.
func (t *Text) Fill(p *actors.CampaignPlan, now int64) *actors.Error {
	p.Holdout, p.Pace, p.At = uint32(math.Round(t.Holdout*10)), uint32(t.Pace), now
	s := t.Schedule
	switch {
	case s == nil:
		return nil
	case s.At != nil:
		p.At = max(now, s.At.UnixMilli())
		return nil
	}
	p.Cron, p.Zone = s.Cron, s.Zone
	if s.Until != nil {
		p.Until = s.Until.UnixMilli()
	}
	from := now
	if s.From != nil {
		from = max(now, s.From.UnixMilli()-1)
	}
	if p.At = Next(p, from); p.At == 0 {
		return &actors.Error{Code: actors.Conflict, Field: "schedule", Detail: "schedule: there is no round left"}
	}
	return nil
}

// wrong says what is wrong with a field.
func wrong(field, why string) *actors.Error {
	return &actors.Error{Code: actors.Invalid, Field: field, Detail: field + ": " + why}
}
