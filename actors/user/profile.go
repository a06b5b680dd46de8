package user

import (
	"encoding/base64"

	"reddot/actors"
	"reddot/actors/inbox"
	"reddot/actors/profile"
)

// setProfile changes what is known of the user, and answers with what that is then.
func (u *User) setProfile(r *actors.Request, c *actors.SetProfile, t actors.Moment) {
	u.claiming(r, c, func() {
		d := u.inbox.SetProfile(c, r.Once, t)
		p := u.inbox.Profile.Profile()
		if len(d.Events) > 0 && d.Events[0].Profile != nil {
			p = d.Events[0].Profile.Profile
		}
		r.Answer.Body = profile.AppendProfile(nil, p)
		u.commit(r, d)
	})
}

// importUser changes all that is told of the user at once, and lets it sleep again:
// many come, one after the other.
func (u *User) importUser(r *actors.Request, c *actors.ImportUser, t actors.Moment) {
	u.claiming(r, &c.Profile, func() {
		u.commit(r, u.inbox.Import(c, r.Once, t))
		u.passivateSoon()
	})
}

// setPreferences is setProfile for what the user prefers.
func (u *User) setPreferences(r *actors.Request, c *actors.SetPreferences, t actors.Moment) {
	d := u.inbox.SetPreferences(c, r.Once, t)
	p := u.inbox.Profile.Preferences()
	if len(d.Events) > 0 && d.Events[0].Profile != nil {
		p = d.Events[0].Profile.Preferences
	}
	r.Answer.Body = profile.AppendPreferences(nil, p)
	u.commit(r, d)
}

// readProfile answers with a part of what is known of the user.
func (u *User) readProfile(r *actors.Request, c *actors.ReadProfile, t actors.Moment) {
	known := u.inbox.Profile
	switch c.Part {
	case actors.PartProfile:
		if ids := u.devices(); len(ids) > 0 {
			lost, checked := u.lostDevices(r, ids, false)
			if !checked {
				return
			}
			if err := u.dropDevices(lost, t); err != nil {
				u.refuse(r, err)
				return
			}
		}
		r.Answer.Body = profile.AppendProfile(nil, known.Profile())
	case actors.PartPreferences:
		r.Answer.Body = profile.AppendPreferences(nil, known.Preferences())
	case actors.PartFollows:
		u.readNames(r, c, `{"follows":`, known.FollowsAfter)
		return
	case actors.PartLists:
		u.readNames(r, c, `{"lists":`, known.ListsAfter)
		return
	case actors.PartStandings:
		b := u.inbox.Rules.AppendStandings([]byte(`{"deny":`), false, t.Now)
		b = u.inbox.Rules.AppendStandings(append(b, `,"allow":`...), true, t.Now)
		r.Answer.Body = append(b, '}')
	}
	u.answer(r, inbox.Ready{Rev: u.inbox.Rev()})
}

// readNames answers with a page of names behind a prefix.
func (u *User) readNames(r *actors.Request, c *actors.ReadProfile, prefix string, after func(string, int) ([]string, bool)) {
	from, err := base64.RawURLEncoding.Strict().DecodeString(c.Next)
	if err != nil {
		u.refuse(r, &actors.Error{Code: actors.Invalid, Field: "next", Detail: "this is not the next of an answer"})
		return
	}
	list, more := after(string(from), c.Limit)
	body := profile.AppendNames([]byte(prefix), list)
	if more {
		next := base64.RawURLEncoding.EncodeToString([]byte(list[len(list)-1]))
		body = append(append(append(body, `,"next":"`...), next...), '"')
	}
	r.Answer.Body = append(body, '}')
	u.answer(r, inbox.Ready{Rev: u.inbox.Rev()})
}
