package chaos

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"reddot/actors"
	"reddot/cmd/internal/chaos/judge"
	"reddot/cmd/internal/chaos/screen"
)

// How the truth is read at the end.

// settledTime is how long what is to become visible, or to leave, may take beyond its time.
const settledTime = 20 * time.Second

// pass waits until nothing is to happen by itself any more.
func (c *crowd) pass(ctx context.Context, w *world) error {
	until := int64(0)
	for _, l := range c.users {
		for _, about := range l.h.Labels {
			until = max(until, about.Expires)
		}
	}
	for late := time.Now().Add(settledTime); ; time.Sleep(100 * time.Millisecond) {
		h, err := c.air.history(ctx, w)
		if err != nil {
			return err
		}
		why := h.Pending()
		if now := time.Now(); why == nil && now.UnixMilli() > until+1000 {
			return nil
		} else if now.After(late) {
			return fmt.Errorf("%v after the last fault: %w", settledTime, why)
		}
	}
}

// readFinal reads a user's journal, inbox and counts.
func (c *crowd) readFinal(ctx context.Context, w *world, l *log) error {
	base := "/v1/users/" + l.h.User
	var n screen.Counts
	if err := w.getUntil(ctx, 1, base+"/counts", &n); err != nil {
		return err
	}
	l.h.Finals = append(l.h.Finals, tally(n))
	if err := c.readProfile(ctx, w, l); err != nil {
		return err
	}
	l.h.ReadAt = time.Now().UnixMilli()
	for next := ""; ; {
		var page struct {
			Messages []judge.Message
			Next     string
		}
		if err := w.getUntil(ctx, 1, base+"/messages?state=all&limit=200&next="+next, &page); err != nil {
			return err
		}
		l.h.Inbox = append(l.h.Inbox, page.Messages...)
		if next = page.Next; next == "" {
			break
		}
	}
	return c.readJournal(ctx, w, l)
}

// readProfile reads what is known of a user.
func (c *crowd) readProfile(ctx context.Context, w *world, l *log) error {
	base := "/v1/users/" + l.h.User
	var follows struct{ Follows []string }
	if err := w.getUntil(ctx, 1, base+"/follows", &follows); err != nil {
		return err
	}
	l.h.Topics = follows.Follows
	for name, members := range c.members {
		if slices.Contains(members, l.h.User) {
			l.h.Lists = append(l.h.Lists, name)
		}
	}
	var profile, wishes answer
	began := time.Since(c.began)
	if err := w.getUntil(ctx, 1, base, &profile); err != nil {
		return err
	}
	if err := w.getUntil(ctx, 1, base+"/preferences", &wishes); err != nil {
		return err
	}
	read := judge.ProfileOp{Read: true, Call: began, Return: time.Since(c.began), Answered: true}
	read.Value = judge.ValueOf(profile.Attributes, profile.Tags)
	l.h.Profile = append(l.h.Profile, read)
	read.Value = wishes.wishValue()
	l.h.Wishes = append(l.h.Wishes, read)
	return nil
}

// readJournal reads a user's journal, as a server tells it and as the store has it.
func (c *crowd) readJournal(ctx context.Context, w *world, l *log) error {
	for next := ""; ; {
		var page struct {
			Events []struct {
				Seq, Rev uint64
				Kind     string
				ID       string
				IDs      []string
				State    string
				Pos      uint64

				Followed, Unfollowed []string
			}
			Next string
		}
		if err := w.getUntil(ctx, 1, "/v1/users/"+l.h.User+"/journal?limit=200&next="+next, &page); err != nil {
			return err
		}
		for _, e := range page.Events {
			n := judge.Entry{Seq: e.Seq, Rev: e.Rev, Kind: e.Kind, IDs: e.IDs, State: e.State, Pos: e.Pos, Followed: e.Followed, Unfollowed: e.Unfollowed}
			if e.ID != "" {
				n.IDs, n.Replaced = []string{e.ID}, e.IDs
			}
			l.h.Journal = append(l.h.Journal, n)
		}
		if next = page.Next; next == "" {
			break
		}
	}
	return w.readStored(ctx, &l.h)
}

// readStored adds to a journal what a server does not tell of its events.
func (w *world) readStored(ctx context.Context, h *judge.UserHistory) error {
	text, err := w.db.SQL(ctx, fmt.Sprintf("select string_agg(encode(data, 'hex'), ' ' order by seq) from reddot_events where key = convert_to('%s', 'UTF8')", actors.UserKey(actors.DefaultApp, h.User)))
	if err != nil {
		return fmt.Errorf("read the journal of %s: %w", h.User, err)
	}
	for _, one := range strings.Fields(text) {
		raw, err := hex.DecodeString(one)
		if err != nil {
			return err
		}
		e := &actors.Event{}
		if err := actors.DecodeEvent(raw, e); err != nil {
			return err
		}
		if i := e.Seq - 1; i < uint64(len(h.Journal)) {
			n := &h.Journal[i]
			n.At, n.Known, n.Joined, n.Left = e.At, knownOf(e.Profile), e.Profile.GetJoined(), e.Profile.GetLeft()
			if n.Kind == "accepted" {
				n.Label = labelOf(e.Message)
			}
		}
	}
	return nil
}
