package send

import (
	"encoding/json"
	"strconv"

	"reddot/actors"
)

// recipients answers with a page of the users, in the order of the order. Where a page ends is
// said by the place of its last user.
func (s *Send) recipients(r *actors.Request, c *actors.Recipients) {
	st := s.state
	if st.message == nil {
		s.refuse(r, actors.ErrNotHere)
		return
	}
	from := 0
	if c.After != "" {
		n, err := strconv.Atoi(c.After)
		if err != nil || n < 0 || n > len(st.users) {
			s.refuse(r, &actors.Error{Code: actors.Invalid, Field: "next", Detail: "this is no next that the server gave out"})
			return
		}
		from = n
	}
	page := st.page(from, c.Limit)
	var err error
	if r.Answer.Body, err = json.Marshal(page); err != nil {
		s.refuse(r, actors.AsError(err))
		return
	}
	r.Answer.ID = actors.ID(st.message.Id)
	s.Leave(&r.Effect, r, nil, nil)
	s.committed()
}

// page returns up to limit users from a place on.
func (s *state) page(from, limit int) *actors.RecipientPage {
	to := min(from+max(limit, 1), len(s.users))
	p := &actors.RecipientPage{List: make([]actors.Recipient, 0, to-from)}
	for i, user := range s.users[from:to] {
		p.List = append(p.List, actors.Recipient{User: user, Pending: !s.steps[0].done[from+i]})
	}
	if to < len(s.users) {
		p.Next = strconv.Itoa(to)
	}
	return p
}
