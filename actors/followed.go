package actors

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Followed is by which filters messages may come to wait for a user's
// sessions. It stands in a record, so that every node knows it without waking
// the user.
type Followed struct {
	Filters []string        `json:"filters,omitempty"`
	Shares  []FollowedShare `json:"shares,omitempty"`
	Any     bool            `json:"any,omitempty"` // there are sessions
	Seq     uint64          `json:"seq,omitempty"` // of the user's event that it is as of

	Sessions int `json:"sessions,omitempty"`
	Size     int `json:"size,omitempty"` // bytes that wait for them, give or take heftStep
}

// A FollowedShare is a shared subscription of one client.
type FollowedShare struct {
	Client string `json:"client"`
	Filter string `json:"filter"` // whole
}

// FollowedKind is the kind of the records of what users' sessions follow; the
// keys are those of the users.
const FollowedKind = "sessions"

// heftStep is by how many bytes of what waits for a user's sessions a record may be
// wrong: written down anew for each message, it would cost as much as that.
const heftStep = 64 << 10

// Equal tells whether the record need not be written anew.
func (f *Followed) Equal(g *Followed) bool {
	return f.Any == g.Any && f.Sessions == g.Sessions && !f.Drifted(g.Size) && slices.Equal(f.Filters, g.Filters) && slices.Equal(f.Shares, g.Shares)
}

// Drifted tells whether a size has to be written down anew.
func (f *Followed) Drifted(size int) bool { return max(f.Size-size, size-f.Size) >= heftStep }

// A Crowd is how many sessions of an app outlive their connections, and about how
// many bytes wait for them.
type Crowd struct{ Sessions, Size int }

// CrowdOf returns the sessions of all users of an app, on all nodes.
func (t *Topics) CrowdOf(app string) Crowd {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.crowds[app]
}

// Crowds returns them by app.
func (t *Topics) Crowds() map[string]Crowd {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.crowds)
}

// count takes in how many sessions a user has. The caller holds mu.
func (t *Topics) count(app string, before, now *Followed) {
	c := t.crowds[app]
	c.Sessions += now.Sessions - before.Sessions
	c.Size += now.Size - before.Size
	if c == (Crowd{}) {
		delete(t.crowds, app)
	} else {
		t.crowds[app] = c
	}
}

// FollowedBy returns what the node knows of a user's sessions.
func (t *Topics) FollowedBy(user Key) Followed {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if f := t.follows[user]; f != nil {
		return *f
	}
	return Followed{}
}

// Follow takes in a record of FollowedKind, when a node starts or another one
// has written it. An empty one says that there is none any more.
func (t *Topics) Follow(r Record) error {
	key, err := ParseUserKey(r.Key)
	if err != nil {
		return err
	}
	var f Followed
	if len(r.Value) > 0 {
		if err := json.Unmarshal(r.Value, &f); err != nil {
			return fmt.Errorf("what sessions follow: %w", err)
		}
		if f.Any && f.Sessions == 0 {
			f.Sessions = 1 // written by a server that did not count them
		}
	}
	t.Learn(key, &f)
	return nil
}

// Follows returns the users of whom the node knows what their sessions follow,
// and as of when, for FollowOnly.
func (t *Topics) Follows() map[Key]uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make(map[Key]uint64, len(t.follows))
	for k, f := range t.follows {
		all[k] = f.Seq
	}
	return all
}

// FollowOnly forgets those users who were known before the records were read
// (Follows), have no record, and of whom nothing was heard meanwhile.
func (t *Topics) FollowOnly(before map[Key]uint64, found map[Key]bool) {
	for k, seq := range before {
		if found[k] {
			continue
		}
		t.mu.Lock()
		if f := t.follows[k]; f != nil && f.Seq == seq {
			t.setFollowed(k, f, &Followed{Seq: seq})
		}
		t.mu.Unlock()
	}
}

// FollowNone forgets what all users' sessions follow: the records may be those
// of another history by now.
func (t *Topics) FollowNone() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, f := range t.follows {
		t.setFollowed(k, f, &Followed{})
	}
}

// Learn says by which filters messages may come to wait for a user's
// sessions, and which shared ones they have. What is older than what the node
// knows is passed over.
func (t *Topics) Learn(user Key, now *Followed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.follows[user]
	if before == nil {
		before = &Followed{}
	}
	if now.Seq >= before.Seq || !now.Any {
		t.setFollowed(user, before, now)
	}
}

// setFollowed is follow with mu held.
func (t *Topics) setFollowed(user Key, before, now *Followed) {
	app := user.App()
	t.count(app, before, now)
	for _, f := range now.Filters {
		if !slices.Contains(before.Filters, f) {
			t.alter(app, f, true, func(n *topicNode) {
				if !slices.Contains(n.users, user) {
					n.users = append(n.users, user)
				}
			})
		}
	}
	for _, f := range before.Filters {
		if !slices.Contains(now.Filters, f) {
			t.alter(app, f, false, func(n *topicNode) {
				n.users = slices.DeleteFunc(n.users, func(k Key) bool { return k == user })
			})
		}
	}
	for _, s := range now.Shares {
		if !slices.Contains(before.Shares, s) {
			t.join(user, s)
		}
	}
	for _, s := range before.Shares {
		if !slices.Contains(now.Shares, s) {
			group, filter, _ := SplitShare(s.Filter)
			t.alter(app, filter, false, func(n *topicNode) {
				n.leave(group, func(m ShareMember) bool { return m.User == user && m.Client == s.Client }, "")
			})
		}
	}
	if now.Any {
		own := *now
		t.follows[user] = &own
	} else {
		delete(t.follows, user)
	}
}

// join lets a session share a subscription also while it is away. The caller
// holds mu.
func (t *Topics) join(user Key, s FollowedShare) {
	group, filter, _ := SplitShare(s.Filter)
	t.alter(user.App(), filter, true, func(n *topicNode) {
		g := n.share(group, s.Filter)
		if !slices.ContainsFunc(g.all, func(m ShareMember) bool { return m.User == user && m.Client == s.Client }) {
			g.all = append(g.all, ShareMember{nil, user, s.Client})
		}
	})
}
