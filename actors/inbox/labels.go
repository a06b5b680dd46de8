package inbox

import (
	"strconv"

	"reddot/actors"
)

// label is one category, or one tenant, and how many messages of it are unread.
type label struct {
	name         string
	unread, held uint32
}

// labels are those of the messages in an inbox.
type labels []label

// hold counts one more message with a label and returns the label's index. A label of
// which nothing is held gives its place away.
func (l *labels) hold(name string) uint16 {
	i := l.index(name)
	(*l)[i].held++
	return i
}

func (l *labels) index(name string) uint16 {
	free := -1
	for i := range *l {
		if (*l)[i].name == name {
			return uint16(i)
		}
		if (*l)[i].held == 0 {
			free = i
		}
	}
	if free >= 0 {
		(*l)[free] = label{name: name}
		return uint16(free)
	}
	*l = append(*l, label{name: name})
	return uint16(len(*l) - 1)
}

// appendUnread appends how many messages are unread, by label, as a JSON object.
func (l labels) appendUnread(dst []byte) []byte {
	dst = append(dst, '{')
	first := true
	for i := range l {
		if l[i].unread == 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(actors.AppendString(dst, l[i].name), ':')
		dst = strconv.AppendUint(dst, uint64(l[i].unread), 10)
	}
	return append(dst, '}')
}

// holdTenant counts one more message of a tenant and returns what Item.tenant is for it.
func (b *Inbox) holdTenant(name string) uint16 {
	if name == "" {
		return 0
	}
	return b.tenants.hold(name) + 1
}

// tenantOf returns the message's tenant; empty: it has none.
func (b *Inbox) tenantOf(n *entry) string {
	if n.tenant == 0 {
		return ""
	}
	return b.tenants[n.tenant-1].name
}

// in tells whether the message is of the category and of the tenant; "" is every one.
func (b *Inbox) in(n *entry, category, tenant string) bool {
	return (category == "" || b.categories[n.category].name == category) && (tenant == "" || b.tenantOf(n) == tenant)
}

// count adds n's share to the counts, sign times.
func (b *Inbox) count(n *entry, sign int32) {
	unread, unseen := n.State.Counts()
	b.unread += unread * uint32(sign)
	b.unseen += unseen * uint32(sign)
	b.categories[n.category].unread += unread * uint32(sign)
	if n.tenant == 0 {
		return
	}
	b.tenants[n.tenant-1].unread += unread * uint32(sign)
	if n.State != actors.State_SCHEDULED { // what nobody sees yet does not show in the counts
		b.tenanted += uint32(sign)
	}
}

// release lets go of the labels of a message that leaves.
func (b *Inbox) release(n *entry) {
	b.categories[n.category].held--
	if n.tenant != 0 {
		b.tenants[n.tenant-1].held--
	}
}

// AppendCountsOf appends the counts of a tenant's messages alone, as AppendCounts does of
// all.
func (b *Inbox) AppendCountsOf(dst []byte, tenant string) []byte {
	of := Inbox{lineage: b.lineage, Origin: b.Origin, rev: b.rev, shown: b.shown, shownPos: b.shownPos, categories: make(labels, len(b.categories))}
	for i := range b.categories {
		of.categories[i].name = b.categories[i].name
	}
	for i := range b.entries {
		if n := b.entries[i]; b.tenantOf(&n) == tenant {
			n.tenant = 0
			of.count(&n, 1)
		}
	}
	return of.AppendCounts(dst)
}

// restoreTenant takes a message of a snapshot, which says no more of tenants than their
// names, into what is held and counted of its tenant.
func (b *Inbox) restoreTenant(n *entry) {
	if n.tenant == 0 {
		return
	}
	t := &b.tenants[n.tenant-1]
	unread, _ := n.State.Counts()
	t.held, t.unread = t.held+1, t.unread+unread
	if n.State != actors.State_SCHEDULED {
		b.tenanted++
	}
}

// AppendCounts appends the counts as a JSON object. Tenants stand in it while the user
// sees a message of one.
func (b *Inbox) AppendCounts(dst []byte) []byte {
	dst = append(dst, `{"unread":`...)
	dst = strconv.AppendUint(dst, uint64(b.unread), 10)
	dst = append(dst, `,"unseen":`...)
	dst = strconv.AppendUint(dst, uint64(b.unseen), 10)
	dst = b.categories.appendUnread(append(dst, `,"by_category":`...))
	if b.tenanted > 0 {
		dst = b.tenants.appendUnread(append(dst, `,"by_tenant":`...))
	}
	dst = append(dst, `,"rev":`...)
	dst = strconv.AppendUint(dst, b.rev, 10)
	dst = append(dst, `,"cursor":"`...)
	dst = b.Cursor().Append(dst)
	return append(dst, `"}`...)
}
