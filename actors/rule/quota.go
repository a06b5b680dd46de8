package rule

import (
	"encoding/json"
	"strconv"

	"reddot/actors"
	"reddot/actors/profile"
)

// A Quota is a number of messages that all users of an app share in a window of time. Windows
// follow one another from 1970 on, each as long as Per. Policies that name one quota share it.
type Quota struct {
	Name string
	Max  int64
	Per  int64 // milliseconds
}

// IsQuota tells whether a text may be a quota's name.
func IsQuota(text string) bool { return len(text) <= maxKey && isLabel(text) }

// Ends returns when the window ends that a time is in, in unix milliseconds.
func (q Quota) Ends(now int64) int64 { return (now/q.Per + 1) * q.Per }

// Quotas are what this node may spend of the quotas of apps.
type Quotas interface {
	// Left returns how many can be spent here now; known false: that has to be asked for.
	Left(app string, q Quota) (n int64, known bool)
	// Spend spends n, or gives back -n; false: there are fewer, and nothing is spent.
	Spend(app string, q Quota, n int64) bool
	// Refill asks for more, and calls done in a goroutine of its own; nil: nobody waits. An
	// error says that nothing is known.
	Refill(app string, q Quota, done func(error))
}

// A quota is one as a policy has it.
type quota struct {
	Quota
	text              string // of Per
	category, channel string // empty: of all
}

func (q *quota) concerns(c *Candidate) bool {
	return (q.category == "" || q.category == c.Category) && (q.channel == "" || q.channel == c.Channel)
}

// quotaPause is for how long a message waits of whose quota nothing is known yet, in
// milliseconds.
const quotaPause = 1000

// quotas stops what would be one delivery too many of those that users share. It is the last
// rule, so that nothing is spent on what another one stops.
func (h *hearing) quotas() Do {
	var said string
	for i := range h.p.quotas {
		q := &h.p.quotas[i]
		if !q.concerns(h.c) {
			continue
		}
		name := "quota " + q.Name + ": " + strconv.FormatInt(q.Max, 10) + " in " + q.text
		if h.c.Left != nil {
			switch left, known := h.c.Left(q.Quota); {
			case !known:
				return h.says(finding{do: Hold, until: h.now + quotaPause, value: name + ", what is left is asked for"})
			case left <= 0:
				return h.says(finding{do: Filter, value: name + ", spent until " + shownTime(q.Ends(h.now))})
			}
		}
		if h.full {
			if said != "" {
				said += "; "
			}
			said += name
		}
	}
	if h.full {
		h.says(finding{value: said})
	}
	return Deliver
}

// spends returns the quotas that a delivery spends, each once.
func (h *hearing) spends() (all []Quota) {
	if h.p == nil || len(h.p.quotas) == 0 || h.c.Left == nil || h.isPassed(actors.Rule_QUOTA) {
		return nil
	}
	for i := range h.p.quotas {
		if q := &h.p.quotas[i]; q.concerns(h.c) {
			all = append(all, q.Quota)
		}
	}
	return all
}

// HasQuotas tells whether users share what the policy lets through.
func (p *Policy) HasQuotas() bool { return p != nil && len(p.quotas) > 0 }

func readQuotas(v json.RawMessage) (all []quota, err *actors.Error) {
	seen := map[string]bool{}
	err = readList(v, "quotas", maxQuotas, func(field string, v json.RawMessage) *actors.Error {
		var q quota
		err := readObject(v, field, "name, max, per, category, channel", func(name string, v json.RawMessage) (err *actors.Error) {
			switch name {
			case "name":
				if q.Name, err = readText(v, field+".name", maxKey); err == nil && !IsQuota(q.Name) {
					err = wrong(field+".name", "it must be 1 to %d characters of A-Z a-z 0-9 . _ : -", maxKey)
				}
			case "max":
				var n int
				n, err = readNumber(v, field+".max", 1, maxQuota)
				q.Max = int64(n)
			case "per":
				q.Per, q.text, err = readDuration(v, field+".per", minQuotaPer, maxPer)
			case "category":
				if q.category, err = readText(v, field+".category", profile.MaxCategory); err == nil && !isLabel(q.category) {
					err = wrong(field+".category", "it is no category")
				}
			case "channel":
				if q.channel, err = readText(v, field+".channel", profile.MaxCategory); err == nil && q.channel != inApp && profile.ChannelOf(q.channel) == nil {
					err = wrong(field+".channel", "there is no such channel")
				}
			default:
				return errNoField
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case q.Name == "":
			return wrong(field+".name", "it is missing: policies that name one quota share it")
		case q.Max == 0:
			return wrong(field+".max", "it is missing: how many are delivered to all users together")
		case q.Per == 0:
			return wrong(field+".per", "it is missing: in which time, such as 24h")
		case seen[q.Name]:
			return wrong(field+".name", "it stands twice")
		}
		seen[q.Name] = true
		all = append(all, q)
		return nil
	})
	return all, err
}
