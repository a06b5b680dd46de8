package transports

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
)

// maxFailures is how many addresses' failed logins are written down apart, each
// time; those of all others are written as one.
const maxFailures = 8

// failures are the failed logins since they were last written down. They are a
// sample: however many there are, what is kept of them is bounded.
type failures struct {
	mu     sync.Mutex
	from   map[netip.Addr]*failure
	others int
}

// A failure stands for those of one address.
type failure struct {
	entry AuditEntry // of the first
	count int
}

func newFailures() failures { return failures{from: map[netip.Addr]*failure{}} }

// maxFailing is how many addresses are counted apart.
const maxFailing = 1024

// LoginFailed notes that a credential was refused. It waits for nothing: what is
// noted is written within a minute.
func (a *Audit) LoginFailed(from netip.Addr, e AuditEntry) {
	if a == nil {
		return
	}
	f := &a.failed
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.from[NetworkOf(from)]
	switch {
	case known != nil:
		known.count++
	case len(f.from) >= maxFailing:
		f.others++
	default:
		e.Action = AuditLoginFailed
		if from.IsValid() {
			e.From = from.String()
		}
		e.Failed = cutText(e.Failed)
		f.from[NetworkOf(from)] = &failure{e, 1}
	}
}

// NoteFailures writes the failed logins down. After an error they are kept for the
// next time.
func (a *Audit) NoteFailures(ctx context.Context) error {
	f := &a.failed
	f.mu.Lock()
	list, others := make([]*failure, 0, len(f.from)), f.others
	for _, one := range f.from {
		list = append(list, one)
	}
	clear(f.from)
	f.others = 0
	f.mu.Unlock()
	slices.SortFunc(list, func(a, b *failure) int { return cmp.Compare(b.count, a.count) })
	for len(list) > maxFailures {
		others += list[len(list)-1].count
		list = list[:len(list)-1]
	}
	for i, one := range list {
		one.entry.Count = one.count
		if err := a.Note(ctx, one.entry); err != nil {
			a.again(list[i:], others)
			return err
		}
	}
	if others == 0 {
		return nil
	}
	err := a.Note(ctx, AuditEntry{Action: AuditLoginFailed, Count: others, Failed: "from other addresses"})
	if err != nil {
		a.again(nil, others)
	}
	return err
}

// again puts back what could not be written.
func (a *Audit) again(list []*failure, others int) {
	f := &a.failed
	f.mu.Lock()
	defer f.mu.Unlock()
	f.others += others
	for _, one := range list {
		f.others += one.count // their addresses are not worth more room
	}
}
