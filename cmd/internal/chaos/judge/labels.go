package judge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What a message says of itself, besides its text.

// A Label is that.
type Label struct {
	Category, Tenant string
	Collapse         string // the key; "": it takes nobody's place
	Expires          int64  // unix milliseconds; 0: never
}

// Stays tells whether the message leaves by nobody's doing but its caller's.
func (l Label) Stays() bool { return l.Collapse == "" && l.Expires == 0 }

// collapses tells whether a message takes the place of one that is before it: keys are a
// tenant's own.
func (l Label) collapses(before Label) bool {
	return l.Collapse != "" && l.Collapse == before.Collapse && l.Tenant == before.Tenant
}

// LabelsOf writes down the counts by category and, where tenants is set, by tenant, so that
// equal counts are equal texts.
func LabelsOf(byCategory, byTenant map[string]int, tenants bool) string {
	var b strings.Builder
	list := func(m map[string]int, sign string) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if name != "" && m[name] != 0 {
				fmt.Fprintf(&b, "%s%s=%d ", sign, name, m[name])
			}
		}
	}
	list(byCategory, "")
	if tenants {
		b.WriteString("@ ")
		list(byTenant, "@")
	}
	return b.String()
}

// tallyOf returns the counts of a tenant's messages, or with "" those of all.
func (c *checker) tallyOf(tenant string) Tally {
	t := Tally{Rev: c.last.Rev}
	byCategory, byTenant, tenants := make(map[string]int), make(map[string]int), false
	for id, state := range c.states {
		l := c.labels[id]
		if tenant != "" && l.Tenant != tenant {
			continue
		}
		n := unreads(state)
		t.Unread += n
		t.Unseen += unseens(state)
		byCategory[l.Category] += n
		byTenant[l.Tenant] += n
		tenants = tenants || tenant == "" && l.Tenant != ""
	}
	t.Labels = LabelsOf(byCategory, byTenant, tenants)
	return t
}

// replaced holds that a message takes the place of the one that had its collapse key, and
// returns that.
func (c *checker) replaced(id string) (list []string) {
	l := c.labels[id]
	for other := range c.states {
		if other != id && l.collapses(c.labels[other]) {
			list = append(list, other)
		}
	}
	return list
}

// expired holds that a message has come to its end, and not before its time.
func (c *checker) expired(id string, at int64) {
	if end := c.labels[id].Expires; end == 0 || at < end {
		c.wrong("%s expired at %d ms, its time is %d", id, at, end)
	}
}

// overdue holds that nothing is there past its time.
func (c *checker) overdue() {
	for id := range c.states {
		if end := c.labels[id].Expires; end != 0 && end < c.h.ReadAt {
			c.wrong("%s is there %d ms past its time", id, c.h.ReadAt-end)
		}
	}
}
