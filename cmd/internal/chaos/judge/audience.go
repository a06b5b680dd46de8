package judge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Who belongs to which segment, worked out without the product's own expressions.

// Tenants are those of messages.
var Tenants = []string{"acme", "globex"}

// Lists are those that users come into and leave.
var Lists = []string{"crew", "guests"}

// Known is what a profile says, as far as segments ask for it.
type Known struct {
	Value string // that was written last; all else follows from it
	City  string
	VIP   bool
}

// KnownBy returns what a profile says that a value of a caller's was written into.
func KnownBy(value string) Known {
	k := Known{Value: value}
	_, digits, _ := strings.Cut(value, "-")
	if n, err := strconv.Atoi(digits); err == nil {
		k.City, k.VIP = []string{"Paris", "Oslo", "Lima"}[n%3], n%2 == 0
	}
	return k
}

// ValueOf returns the value that a profile was made of, and what is wrong with the rest of it.
func ValueOf(attributes map[string]string, tags []string) string {
	value := attributes["n"]
	k := KnownBy(value)
	if value != "" && (attributes["city"] != k.City || slices.Contains(tags, "vip") != k.VIP || !slices.Contains(tags, "chaos")) {
		return fmt.Sprintf("%s, torn: %v %v", value, attributes, tags)
	}
	return value
}

// has tells whether a user follows a topic, or is in a list.
type has func(group string) bool

// expressions are those of the segments, with whom they match.
var expressions = map[string]func(Known, has) bool{
	`'vip' in tags`:                                 func(k Known, _ has) bool { return k.VIP },
	`attributes.city == 'Oslo'`:                     func(k Known, _ has) bool { return k.City == "Oslo" },
	`attributes.city == 'Lima'`:                     func(k Known, _ has) bool { return k.City == "Lima" },
	`'chaos' in tags && attributes.city != 'Paris'`: func(k Known, _ has) bool { return k.Value != "" && k.City != "Paris" },
	`'crew' in lists && !('vip' in tags)`:           func(k Known, in has) bool { return in(Listed("crew")) && !k.VIP },
	`'news' in follows || 'guests' in lists`:        func(_ Known, in has) bool { return in("news") || in(Listed("guests")) },
}

// Segments are the saved ones that stay as they are.
var Segments = map[string]string{
	"vips": `'vip' in tags`, "oslo": `attributes.city == 'Oslo'`, "away": `'chaos' in tags && attributes.city != 'Paris'`,
	"aboard": `'crew' in lists && !('vip' in tags)`, "readers": `'news' in follows || 'guests' in lists`,
}

// Moving is the segment whose expression changes.
const Moving = "moving"

// Movements are the expressions of Moving.
var Movements = []string{`attributes.city == 'Oslo'`, `attributes.city == 'Lima'`}

// A Preview is what a caller was told of whom a segment finds.
type Preview struct {
	Segment      string
	Count        int
	Users        []string // the first 20
	Call, Return time.Duration
	Sent         string // the id of what was broadcast to it, when nothing else happened
}

// previewed is how many users a preview shows at most.
const previewed = 20

// isIn tells whether the user is whom an entry is for, by its journal.
func (c *checker) isIn(e *LogEntry) bool {
	in := func(group string) bool { return c.follows[group] }
	switch {
	case e.Topic != "":
		return in(e.Topic)
	case e.List != "":
		return in(Listed(e.List))
	case e.Segment != "":
		matches, ok := expressions[e.Where]
		if !ok {
			c.wrong("entry %d of the log is for %q, which nobody asked for", e.Pos, e.Where)
			return false
		}
		return matches(c.known, in)
	}
	return true
}

// mustBeIn tells whether the user was whom an entry is for between two times, by what was
// acknowledged.
func (c *checker) mustBeIn(a Audience, where string, from, to time.Duration) (is, sure bool) {
	sure = true
	in := func(group string) bool {
		is, known := c.followed(group, from, to)
		sure = sure && known
		return is
	}
	switch {
	case a.Topic != "":
		return in(a.Topic), sure
	case a.List != "":
		return in(Listed(a.List)), sure
	case a.Segment != "":
		k, known := c.profileAt(from, to)
		if matches := expressions[where]; matches != nil {
			is = matches(k, in)
			return is, sure && known
		}
	}
	return true, true
}

// profileAt returns what the profile said between two times. It is sure if no write overlaps
// them, and one was the last before.
func (c *checker) profileAt(from, to time.Duration) (k Known, sure bool) {
	if to != Unanswered {
		to += c.lag()
	}
	last := ProfileOp{}
	for _, op := range c.h.Profile {
		switch {
		case op.Read || op.Call > to:
		case !op.Answered || op.Return >= from:
			return k, false
		case op.Call > last.Return || last.Value == "":
			last = op
		}
	}
	for _, op := range c.h.Profile {
		if !op.Read && op.Call <= to && op.Value != last.Value && op.Return > last.Call {
			return k, false // it was written at the same time
		}
	}
	return KnownBy(last.Value), true
}

func (c *checker) lag() time.Duration {
	if c.h.Log == nil {
		return 0
	}
	return c.h.Log.Lag
}

// previews holds what callers were told of segments against what was acknowledged, and
// against what was sent.
func (c *checker) previews() {
	if c.h.Log == nil {
		return
	}
	for _, p := range c.h.Log.Previews {
		found := slices.Contains(p.Users, c.h.User)
		if !found && p.Count > previewed {
			continue // it may be one of the others
		}
		if is, sure := c.mustBeIn(Audience{Segment: p.Segment}, Segments[p.Segment], p.Call, p.Return); sure && is != found {
			c.wrong("that it is in the preview of %s of %v is %v; by what was acknowledged it is %v", p.Segment, p.Call, found, is)
		}
		if got := c.revs[p.Sent] != 0; p.Sent != "" && got != found {
			c.wrong("that it is in the preview of %s is %v; that it got what was sent to it then is %v", p.Segment, found, got)
		}
	}
}
