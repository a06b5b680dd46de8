package topic

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"reddot/actors"
)

// SessionsOf returns the sessions of all users of an app, on all nodes.
func (t *Broker) SessionsOf(app string) actors.SessionTotal {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.sessions[app]
}

// Sessions returns them by app.
func (t *Broker) Sessions() map[string]actors.SessionTotal {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.sessions)
}

// countSessions takes in how many sessions a user has. The caller holds mu.
func (t *Broker) countSessions(app string, before, now *actors.Interest) {
	c := t.sessions[app]
	c.Sessions += now.Sessions - before.Sessions
	c.Size += now.Size - before.Size
	if c == (actors.SessionTotal{}) {
		delete(t.sessions, app)
	} else {
		t.sessions[app] = c
	}
}

// InterestOf returns what the node knows of a user's sessions.
func (t *Broker) InterestOf(user actors.Key) actors.Interest {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if f := t.interests[user]; f != nil {
		return *f
	}
	return actors.Interest{}
}

// LoadInterest takes in a record of actors.InterestKind, when a node starts or another one
// has written it. An empty one says that there is none any more.
func (t *Broker) LoadInterest(r actors.Record) error {
	key, err := actors.ParseUserKey(r.Key)
	if err != nil {
		return err
	}
	var f actors.Interest
	if len(r.Value) > 0 {
		if err := json.Unmarshal(r.Value, &f); err != nil {
			return fmt.Errorf("what sessions want: %w", err)
		}
		if f.Any && f.Sessions == 0 {
			f.Sessions = 1 // written by a server that did not count them
		}
	}
	t.setInterest(key, &f)
	return nil
}

// Interests returns the users of whom the node knows what their sessions want, and
// as of when, for KeepInterests.
func (t *Broker) Interests() map[actors.Key]uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make(map[actors.Key]uint64, len(t.interests))
	for k, f := range t.interests {
		all[k] = f.Seq
	}
	return all
}

// KeepInterests forgets those users who were known before the records were read
// (Interests), have no record, and of whom nothing was heard meanwhile.
func (t *Broker) KeepInterests(before map[actors.Key]uint64, found map[actors.Key]bool) {
	for k, seq := range before {
		if found[k] {
			continue
		}
		t.mu.Lock()
		if f := t.interests[k]; f != nil && f.Seq == seq {
			t.replaceInterest(k, f, &actors.Interest{Seq: seq})
		}
		t.mu.Unlock()
	}
}

// ForgetInterests forgets what all users' sessions want: the records may be those
// of another history by now.
func (t *Broker) ForgetInterests() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, f := range t.interests {
		t.replaceInterest(k, f, &actors.Interest{})
	}
}

// NoteInterest implements actors.Topics. What is older than what the node knows is
// passed over.
func (t *Broker) NoteInterest(user actors.Key, now *actors.Interest, record []byte, known func()) {
	t.setInterest(user, now)
	if t.nodes == nil {
		known()
		return
	}
	t.nodes.Interest(user, record, known)
}

// setInterest takes in what a user's sessions want, unless it is older than what the
// node knows.
func (t *Broker) setInterest(user actors.Key, now *actors.Interest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.interests[user]
	if before == nil {
		before = &actors.Interest{}
	}
	if now.Seq >= before.Seq || !now.Any {
		t.replaceInterest(user, before, now)
	}
}

// replaceInterest is setInterest with mu held.
func (t *Broker) replaceInterest(user actors.Key, before, now *actors.Interest) {
	app := user.App()
	t.countSessions(app, before, now)
	for _, f := range now.Filters {
		if !slices.Contains(before.Filters, f) {
			t.editLocked(app, f, true, func(n *node) {
				if !slices.Contains(n.users, user) {
					n.users = append(n.users, user)
				}
			})
		}
	}
	for _, f := range before.Filters {
		if !slices.Contains(now.Filters, f) {
			t.editLocked(app, f, false, func(n *node) {
				n.users = slices.DeleteFunc(n.users, func(k actors.Key) bool { return k == user })
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
			group, filter, _ := actors.SplitShare(s.Filter)
			t.editLocked(app, filter, false, func(n *node) {
				n.leave(group, func(m member) bool { return m.User == user && m.Client == s.Client }, "")
			})
		}
	}
	if now.Any {
		own := *now
		t.interests[user] = &own
	} else {
		delete(t.interests, user)
	}
}

// join lets a session share a subscription also while it is away. The caller
// holds mu.
func (t *Broker) join(user actors.Key, s actors.SharedInterest) {
	group, filter, _ := actors.SplitShare(s.Filter)
	t.editLocked(user.App(), filter, true, func(n *node) {
		g := n.share(group, s.Filter)
		if !slices.ContainsFunc(g.all, func(m member) bool { return m.User == user && m.Client == s.Client }) {
			g.all = append(g.all, member{actors.ShareMember{User: user, Client: s.Client}, nil})
		}
	})
}
