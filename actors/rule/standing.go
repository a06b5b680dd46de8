package rule

import (
	"slices"
	"unicode/utf8"

	"reddot/actors"
	"reddot/actors/profile"
)

// inApp is the channel that is the inbox itself.
const inApp = "inapp"

// MaxReason is the size of the reason of a standing.
const MaxReason = 256

// standing returns one that concerns the message, denied or allowed; nil: there is none.
func (s *State) standing(allow bool, c *Candidate, now int64) *actors.Standing {
	if s == nil {
		return nil
	}
	for _, e := range s.standings {
		if e.Allow == allow && (e.Until == 0 || e.Until > now) && (e.Category == "" || e.Category == c.Category) && (e.Channel == "" || e.Channel == c.Channel) {
			return e
		}
	}
	return nil
}

// findStanding returns the place of the one that a change is about; -1: there is none.
func (s *State) findStanding(c *actors.Standing) int {
	if s == nil {
		return -1
	}
	return slices.IndexFunc(s.standings, func(e *actors.Standing) bool {
		return e.Allow == c.Allow && e.Category == c.Category && e.Channel == c.Channel
	})
}

// Stand decides about what the app says of the user; nil: it says so already.
func (s *State) Stand(c *actors.Standing, now int64) (*actors.Standing, *actors.Error) {
	if err := checkStanding(c, now); err != nil {
		return nil, err
	}
	i := s.findStanding(c)
	if i >= 0 && s.standings[i].Until != 0 && s.standings[i].Until <= now {
		i = -1 // it holds no more
	}
	switch {
	case c.Removed && i < 0:
		return nil, nil
	case c.Removed:
		return &actors.Standing{Allow: c.Allow, Category: c.Category, Channel: c.Channel, Removed: true, By: c.By}, nil
	case i >= 0 && s.standings[i].Reason == c.Reason && s.standings[i].Until == c.Until:
		return nil, nil
	case i < 0 && s.countStandings(now) >= maxStandings:
		return nil, actors.Errorf(actors.TooMany, "a user has at most %d entries that deny or allow", maxStandings)
	}
	return c, nil
}

func (s *State) countStandings(now int64) (n int) {
	if s == nil {
		return 0
	}
	for _, e := range s.standings {
		if e.Until == 0 || e.Until > now {
			n++
		}
	}
	return n
}

// checkStanding returns what is wrong with a change.
func checkStanding(c *actors.Standing, now int64) *actors.Error {
	switch {
	case c.Category != "" && !isLabel(c.Category):
		return wrong("category", "it must be 1 to %d characters of A-Z a-z 0-9 . _ : -", profile.MaxCategory)
	case c.Channel != "" && c.Channel != inApp && profile.ChannelOf(c.Channel) == nil:
		return wrong("channel", "there is no such channel")
	case len(c.Reason) > MaxReason:
		return large("reason", MaxReason)
	case !utf8.ValidString(c.Reason):
		return wrong("reason", "it is no UTF-8 text")
	case c.Until != 0 && c.Until <= now && !c.Removed:
		return wrong("until", "it is past")
	}
	return nil
}

// stand takes in a change.
func (s *State) stand(c *actors.Standing) {
	if c == nil {
		return
	}
	if i := s.findStanding(c); i >= 0 {
		s.standings = slices.Delete(s.standings, i, i+1)
	}
	if c.Removed {
		return
	}
	s.standings = append(s.standings, c)
	if c.Until != 0 {
		s.stale = min(s.stale, c.Until)
	}
}

func (s *State) forgetStandings(now int64) {
	s.standings = slices.DeleteFunc(s.standings, func(e *actors.Standing) bool {
		if e.Until == 0 || e.Until > now {
			if e.Until != 0 {
				s.stale = min(s.stale, e.Until)
			}
			return false
		}
		return true
	})
}

// AppendStandings appends those that hold, denied or allowed, as a JSON array.
func (s *State) AppendStandings(b []byte, allow bool, now int64) []byte {
	b = append(b, '[')
	if s == nil {
		return append(b, ']')
	}
	n := 0
	for _, e := range s.standings {
		if e.Allow != allow || e.Until != 0 && e.Until <= now {
			continue
		}
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = append(b, `{"reason":`...)
		b = actors.AppendString(b, e.Reason)
		for _, member := range []struct{ name, value string }{{"category", e.Category}, {"channel", e.Channel}, {"by", e.By}} {
			if member.value != "" {
				b = append(append(append(b, `,"`...), member.name...), `":`...)
				b = actors.AppendString(b, member.value)
			}
		}
		b = append(actors.AppendTimeMember(b, `,"until":`, e.Until), '}')
	}
	return append(b, ']')
}
