package transports

import (
	"context"

	"reddot/actors"
)

// A Noting writes a change that may be tried several times into the log: each try
// before it is made, and that it was not where it fails.
type Noting struct {
	Audit *Audit
	Entry AuditEntry // but for Before and After
	noted bool
}

// Note writes the next try.
func (n *Noting) Note(ctx context.Context, before, after []byte) error {
	n.Undone(ctx, actors.Errorf(actors.Conflict, "others came before"))
	n.Entry.Before, n.Entry.After = before, after
	if err := n.Audit.Note(ctx, n.Entry); err != nil {
		return err
	}
	n.noted = true
	return nil
}

// Undone writes that the last try has failed, if there was one.
func (n *Noting) Undone(ctx context.Context, why error) {
	if n.noted {
		n.Audit.Undone(ctx, n.Entry, why)
		n.noted = false
	}
}
