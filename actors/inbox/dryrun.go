package inbox

import (
	"reddot/actors"
	"reddot/actors/rule"
)

// DryRun tells what publishing a message would do, and appends the counts as they would
// be to dst. It works on a copy: b, which may stand before the log's head and before
// what time has done, stays as it is. The counts keep b's rev and cursor, since others
// may come to stand for something else.
func (b *Inbox) DryRun(dst []byte, m *actors.Message, once actors.Once, t actors.Moment, l *actors.Limits, log *actors.Log) (Ready, []byte, error) {
	c := New()
	c.Book = b.Book
	if err := c.restore(b.snapshot()); err != nil {
		return Ready{}, dst, err
	}
	c.Origin, c.open = b.Origin, b.open
	c.Left = b.atMost()
	if err := c.MergeUpTo(log, log.Head()); err != nil {
		return Ready{}, dst, err
	}
	if err := c.applyAll(c.Expire(t, l)); err != nil {
		return Ready{}, dst, err
	}
	stages := c.explain(m, t.Now)
	d := c.Publish(m, once, t, l)
	if err := c.applyAll(d); err != nil {
		return Ready{}, dst, err
	}
	if err := c.MergeUpTo(log, log.Head()); err != nil { // the user may have joined by it
		return Ready{}, dst, err
	}
	if !d.Replayed {
		d.ID, d.Stages = actors.ID{}, stages
	}
	d.Rev = b.rev
	c.lineage, c.rev, c.shown, c.shownPos = b.lineage, b.rev, b.shown, b.shownPos
	return d, c.AppendCounts(dst), nil
}

func (b *Inbox) applyAll(r Ready) error {
	for _, e := range r.Events {
		if err := b.Apply(e); err != nil {
			return err
		}
	}
	return nil
}

// atMost is Left of a dry run, which waits for nothing: what is not known is there.
func (b *Inbox) atMost() func(rule.Quota) (int64, bool) {
	if b.Left == nil {
		return nil
	}
	return func(q rule.Quota) (int64, bool) {
		if n, known := b.Left(q); known {
			return n, true
		}
		return 1, true
	}
}
