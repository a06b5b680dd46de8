package user

import (
	"context"
	"fmt"
	"strings"

	"reddot/actors"
)

// erase lets all that there is of the user leave the store. Whoever is connected
// attaches again, and starts anew: the cursors of before are foreign now. A repeat
// goes on with what the first time may not have come to.
func (u *User) erase(r *actors.Request, t actors.Moment) {
	d := u.inbox.Erase(r.Once, t)
	if d.Err != nil {
		u.refuse(r, d.Err)
		return
	}
	var err *actors.Error
	switch {
	case len(d.Events) > 0:
		err = u.storeErased(d.Events[0])
	case !d.Replayed: // nothing has ever happened to one who was here all the same
		err = u.erasePresence(&actors.Write{After: u.Seq})
	}
	if err != nil {
		u.refuse(r, err)
		return
	}
	r.Answer.Replayed = d.Replayed
	u.after(r, func() {
		if len(d.Events) > 0 {
			u.loseConnections()
		}
		u.noteInterest(func(err *actors.Error) {
			if err != nil {
				r.Fail(err)
				return
			}
			u.eraseAside(r)
		})
	})
}

// storeErased writes down that the user is erased, and takes it in.
func (u *User) storeErased(e *actors.Event) *actors.Error {
	next, w, err := u.inbox.Erased(e, actors.EncodeEvent(nil, e), &u.Home.Limits)
	if err != nil {
		panic(err) // we have just decided it
	}
	w.Wake.Old = u.armed
	w.Index = u.inbox.Profile.Unindexed(u.Key)
	for _, id := range u.devices() {
		u.disown(&w, id)
	}
	if err := u.erasePresence(&w); err != nil {
		return err
	}
	u.claim().turn++
	u.inbox, u.Seq, u.armed = next, e.Seq, w.Wake.New
	return nil
}

// erasePresence writes w, and with it that nothing is known of the user's presence. Who
// was told to be online is told to be not; connections that are left tell it anew.
func (u *User) erasePresence(w *actors.Write) *actors.Error {
	w.Stream, w.Upkeep, w.Records = u.Stream, true, append(w.Records, noPresence(u.Key)...)
	if err := u.Append(w); err != nil {
		return err
	}
	if u.here.wasTold() {
		u.toTell(actors.Here{Rev: u.nextRev()}, nil)
	}
	u.seen, u.unsaved = 0, false
	return nil
}

// noPresence are the changes by which nothing is known of a user's presence.
func noPresence(key actors.Key) []actors.RecordChange {
	return []actors.RecordChange{actors.UnseenRecord(key), actors.OnlineRecord(key, actors.Here{})}
}

// loseConnections lets all connections attach again, and those of sessions ask for
// sessions that are there no more.
func (u *User) loseConnections() {
	for _, g := range u.gates {
		u.Home.Send(g.pid, &actors.Gone{Key: u.Key})
	}
	u.gates = nil
	links := u.links
	u.links = nil
	for _, l := range links {
		l.Lost()
	}
}

// eraseAside deletes what was kept aside of the user's journal, and answers.
func (u *User) eraseAside(r *actors.Request) {
	h, key := u.Home, u.Key
	h.Load(func() {
		if err := deleteAside(context.Background(), h.Records, key); err != nil {
			r.Fail(&actors.Error{Code: actors.Unavailable, Detail: "the user is erased, but for what was kept aside of a damaged journal; repeat the request", Cause: err})
			return
		}
		r.Respond()
	})
}

// asidePage is how many records are read at a time; a record may have a megabyte.
const asidePage = 4

// deleteAside deletes the records of what was kept aside of an actor's journal, and of
// when it was here.
func deleteAside(ctx context.Context, records actors.Records, key actors.Key) error {
	if records == nil {
		return nil
	}
	for _, c := range noPresence(key) { // the answer may be sooner than the commit
		if err := records.DeleteRecord(ctx, c.Kind, c.Key); err != nil {
			return fmt.Errorf("delete when the user was here: %w", err)
		}
	}
	prefix := string(key) + "/"
	for {
		list, err := records.ListRecords(ctx, actors.AsideKind, prefix, asidePage)
		if err != nil {
			return fmt.Errorf("list what was kept aside: %w", err)
		}
		for _, rec := range list {
			if !strings.HasPrefix(rec.Key, prefix) {
				return nil
			}
			if err := records.DeleteRecord(ctx, actors.AsideKind, rec.Key); err != nil {
				return fmt.Errorf("delete what was kept aside: %w", err)
			}
		}
		if len(list) == 0 {
			return nil
		}
	}
}

// forget lets go of the mark of an erased user, whose wake-up at old has come, and
// ends the activation. False means that it has to wait.
func (u *User) forget(old int64) bool {
	if !u.Idle() || u.sweeping || u.graces > 0 {
		return false
	}
	w := u.inbox.Forget()
	w.Stream, w.Upkeep, w.Wake = u.Stream, true, actors.Wake{Old: old}
	w.Records = noPresence(u.Key)
	if u.Append(&w) != nil {
		return false
	}
	u.unsaved = false
	u.retire()
	return true
}
