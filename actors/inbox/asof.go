package inbox

import (
	"context"

	"reddot/actors"
)

// InboxAt rebuilds an inbox as of a rev, from the newest snapshot before it. last and
// pos are where it stands now.
func InboxAt(ctx context.Context, j actors.Journal, key actors.Key, rev, last, pos uint64, log LogReader) (*Inbox, error) {
	for upto := last; ; {
		b := New()
		raw, err := j.Snapshot(ctx, key, upto)
		if err != nil {
			return nil, err
		}
		if raw != nil {
			if err := b.restore(raw); err != nil {
				return nil, err
			}
			if b.rev > rev {
				if b.seq == 0 {
					return nil, actors.Errorf(actors.NotFound, "the journal no longer reaches back to rev %d", rev)
				}
				upto = b.seq - 1
				continue
			}
		}
		return b, roll(ctx, b, j, key, rev, last, pos, log)
	}
}

// roll applies the journal's events, and merges the log's entries between them, up to
// the last one of a rev.
func roll(ctx context.Context, b *Inbox, j actors.Journal, key actors.Key, rev, last, pos uint64, read LogReader) error {
	log, err := read(ctx, pos)
	if err != nil {
		return err
	}
	var failed error
	err = j.Events(ctx, key, b.seq+1, last, func(seq uint64, raw []byte) bool {
		var e actors.Event
		if failed = actors.DecodeEvent(raw, &e); failed != nil {
			return false
		}
		if e.Seq > 1 {
			b.mergeUntil(log, e.Pos, rev)
		}
		if e.Rev > rev {
			return false
		}
		if seq != b.seq+1 {
			failed = actors.Errorf(actors.NotFound, "the journal no longer reaches back to rev %d", rev)
			return false
		}
		failed = b.Apply(&e)
		return failed == nil
	})
	if err != nil {
		return err
	}
	if failed == nil && b.seq == last {
		b.mergeUntil(log, pos, rev)
	}
	if failed == nil && b.rev != rev {
		failed = actors.Errorf(actors.NotFound, "the journal no longer reaches back to rev %d", rev)
	}
	return failed
}

// InboxBefore rebuilds an inbox as it was when it met an entry of the log. last and upto are
// where it stands now. NotFound: the journal no longer reaches back so far.
func InboxBefore(ctx context.Context, j actors.Journal, key actors.Key, pos, last, upto uint64, read LogReader) (*Inbox, error) {
	log, err := read(ctx, upto)
	if err != nil {
		return nil, err
	}
	for at := last; ; {
		b := New()
		raw, err := j.Snapshot(ctx, key, at)
		if err != nil {
			return nil, err
		}
		if raw != nil {
			if err := b.restore(raw); err != nil {
				return nil, err
			}
			if b.pos >= pos && b.erasedAt == 0 && b.seq > 0 {
				at = b.seq - 1
				continue
			}
		}
		return b, b.rollTo(ctx, j, key, pos, last, log)
	}
}

// rollTo applies the journal's events that come before an entry of the log, and merges what
// comes before it.
func (b *Inbox) rollTo(ctx context.Context, j actors.Journal, key actors.Key, pos, last uint64, log *actors.Log) error {
	var failed error
	err := j.Events(ctx, key, b.seq+1, last, func(seq uint64, raw []byte) bool {
		var e actors.Event
		if failed = actors.DecodeEvent(raw, &e); failed != nil || e.Seq > 1 && e.Joined == 0 && e.Pos >= pos {
			return false
		}
		if seq != b.seq+1 {
			failed = actors.Errorf(actors.NotFound, "the journal no longer reaches back to position %d", pos)
			return false
		}
		if failed = b.catchUp(&e, log); failed == nil {
			failed = b.Apply(&e)
		}
		return failed == nil
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return failed
	case b.seq == 0 || b.pos >= pos-1:
		return nil
	}
	return b.MergeUpTo(log, pos-1)
}
