package rule

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/actors/schedule"
)

// Parse reads a policy as an app writes it:
//
//	{"caps": [{"max": 3, "per": "24h", "category": "promo"}],
//	 "quiet_hours": {"from": "22:00", "to": "08:00", "zone": "user"}, "on_held": "hold"}
//
// An error names the field at fault.
func Parse(name string, version uint64, body []byte) (*Policy, error) {
	p, err := parse(name, version, body)
	if err != nil {
		return nil, err
	}
	p.source = &actors.Policy{Name: name, Version: version, Body: slices.Clone(body)}
	return p, nil
}

func parse(name string, version uint64, body []byte) (*Policy, *actors.Error) {
	if len(body) > maxPolicy {
		return nil, &actors.Error{Code: actors.TooLarge, Detail: "a policy has at most 16 KiB; this one is larger"}
	}
	p := &Policy{name: name, version: version, onHeld: Hold, onCapped: Filter, critical: criticalDefault, respects: respectable}
	if err := readPolicy(body, p); err != nil {
		return nil, err
	}
	return p, p.check()
}

// What a critical message passes, and what of the user's own holds, where a policy says
// nothing; and what it may say.
var (
	criticalDefault = setOf(actors.Rule_QUIET_HOURS, actors.Rule_CAP)
	respectable     = setOf(actors.Rule_SUBSCRIPTION, actors.Rule_MUTE, actors.Rule_QUIET_HOURS)

	criticalNames = map[string]actors.Rule{"caps": actors.Rule_CAP, "quotas": actors.Rule_QUOTA, "quiet_hours": actors.Rule_QUIET_HOURS, "duplicates": actors.Rule_DUPLICATE, "mute": actors.Rule_MUTE}
	respectNames  = map[string]actors.Rule{"quiet_hours": actors.Rule_QUIET_HOURS, "subscription": actors.Rule_SUBSCRIPTION, "mute": actors.Rule_MUTE}
)

// outcomes are what can become of a message, by their names.
var outcomes = map[string]Do{"hold": Hold, "drop": Filter, "digest": Gather, "deliver": Deliver}

func readPolicy(body []byte, p *Policy) *actors.Error {
	some := false
	err := readObject(body, "", "caps, quotas, quiet_hours, duplicates, on_held, on_capped, on_passed, digest, critical, respects, release", func(name string, v json.RawMessage) (err *actors.Error) {
		some = true
		switch name {
		case "caps":
			p.caps, err = readCaps(v)
		case "quotas":
			p.quotas, err = readQuotas(v)
		case "quiet_hours":
			p.quiet, err = readQuietHours(v)
		case "duplicates":
			err = readObject(v, name, "per", func(member string, v json.RawMessage) (err *actors.Error) {
				if member != "per" {
					return errNoField
				}
				p.remember, _, err = readDuration(v, "duplicates.per", minPer, maxPer)
				return err
			})
			if err == nil && p.remember == 0 {
				err = wrong("duplicates.per", "it is missing: for how long a message has duplicates, such as 10m")
			}
		case "on_held":
			p.onHeld, err = readOutcome(v, name, Hold, Filter, Gather)
		case "on_capped":
			p.onCapped, err = readOutcome(v, name, Filter, Gather)
		case "on_passed":
			p.onPassed, err = readOutcome(v, name, Deliver, Gather)
		case "digest":
			p.digest, err = readDigest(v)
		case "critical":
			err = readObject(v, name, "passes", func(member string, v json.RawMessage) (err *actors.Error) {
				if member != "passes" {
					return errNoField
				}
				p.critical, err = readRules(v, "critical.passes", criticalNames)
				return err
			})
		case "respects":
			p.respects, err = readRules(v, name, respectNames)
		case "release":
			err = readObject(v, name, "spread", func(member string, v json.RawMessage) (err *actors.Error) {
				if member != "spread" {
					return errNoField
				}
				p.spread, _, err = readDuration(v, "release.spread", 1000, maxSpread)
				return err
			})
		default:
			return errNoField
		}
		return err
	})
	if err == nil && !some {
		err = &actors.Error{Code: actors.Invalid, Detail: "the policy is empty; it says what messages may not do, as caps or quiet_hours"}
	}
	return err
}

// check returns what does not fit together.
func (p *Policy) check() *actors.Error {
	gathers := p.onHeld == Gather || p.onCapped == Gather || p.onPassed == Gather
	switch {
	case p.onCapped == Gather && len(p.caps) == 0:
		return wrong("on_capped", "there are no caps")
	case gathers && p.digest == nil:
		return wrong("digest", "it is missing: how what goes into a digest is gathered")
	case p.digest != nil && !gathers:
		return wrong("digest", "nothing goes into it; one of on_held, on_capped and on_passed has to be digest")
	case p.digest != nil && p.digest.lead && p.onPassed != Gather:
		return wrong("digest.lead", "only where on_passed is digest is there a first message to be delivered")
	}
	if p.digest != nil && p.digest.key == "" {
		p.digest.key = p.name
	}
	return nil
}

func readCaps(v json.RawMessage) (caps []limit, err *actors.Error) {
	err = readList(v, "caps", maxCaps, func(field string, v json.RawMessage) *actors.Error {
		var l limit
		err := readObject(v, field, "max, per, category, tenant, channel", func(name string, v json.RawMessage) (err *actors.Error) {
			switch name {
			case "max":
				l.max, err = readNumber(v, field+".max", 1, maxCap)
			case "per":
				l.per, l.text, err = readDuration(v, field+".per", minPer, maxPer)
			case "category":
				l.category, err = readName(v, field+".category", profile.MaxCategory)
			case "tenant":
				l.tenant, err = readName(v, field+".tenant", profile.MaxTenant)
			case "channel":
				if l.channel, err = readName(v, field+".channel", profile.MaxCategory); err == nil && l.channel != each && l.channel != inApp && profile.ChannelOf(l.channel) == nil {
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
		case l.max == 0:
			return wrong(field+".max", "it is missing: how many are delivered")
		case l.per == 0:
			return wrong(field+".per", "it is missing: in which time, such as 24h")
		}
		caps = append(caps, l)
		return nil
	})
	return caps, err
}

func readQuietHours(v json.RawMessage) (*schedule.Window, *actors.Error) {
	w := &schedule.Window{From: -1, To: -1}
	err := readObject(v, "quiet_hours", "from, to, zone, days, holidays", func(name string, v json.RawMessage) (err *actors.Error) {
		field := "quiet_hours." + name
		switch name {
		case "from":
			if w.From, err = readClock(v, field); err == nil && w.From == dayMinutes {
				err = wrong(field, "it must be a time of the day, from 00:00 to 23:59")
			}
		case "to":
			w.To, err = readClock(v, field)
		case "zone":
			var zone string
			if zone, err = readText(v, field, profile.MaxZone); err != nil || zone == "user" {
				return err
			}
			found, bad := schedule.Zone(zone)
			if bad != nil {
				return wrong(field, "%v, or user", bad)
			}
			w.Zone = found
		case "days":
			w.Days, err = readDays(v, field)
		case "holidays":
			w.Holidays, err = readHolidays(v, field)
		default:
			return errNoField
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case w.From < 0 || w.To < 0:
		return nil, wrong("quiet_hours", "it must say from when and to when")
	case (w.Days == 0 || w.Days == allDays) && (w.From == w.To || w.To-w.From == dayMinutes):
		return nil, wrong("quiet_hours", "they never end")
	}
	return w, nil
}

const (
	dayMinutes = 24 * 60
	allDays    = 1<<len(profile.Days) - 1
)

func readDays(v json.RawMessage, field string) (days uint32, err *actors.Error) {
	err = readList(v, field, len(profile.Days), func(item string, v json.RawMessage) *actors.Error {
		name, err := readText(v, item, maxWord)
		if err != nil {
			return err
		}
		i := slices.Index(profile.Days[:], name)
		if i < 0 {
			return wrong(item, "each must be one of %s", strings.Join(profile.Days[:], ", "))
		}
		days |= 1 << i
		return nil
	})
	if err == nil && days == 0 {
		err = wrong(field, "it is empty; leave it out where the hours hold on each day")
	}
	return days, err
}

func readHolidays(v json.RawMessage, field string) (days []schedule.Date, err *actors.Error) {
	err = readList(v, field, maxHolidays, func(item string, v json.RawMessage) *actors.Error {
		text, err := readText(v, item, maxWord)
		if err != nil {
			return err
		}
		day, ok := schedule.ParseDate(text)
		if !ok {
			return wrong(item, "it must be a day such as 2026-10-01")
		}
		days = append(days, day)
		return nil
	})
	slices.Sort(days)
	return slices.Compact(days), err
}

func readDigest(v json.RawMessage) (*digest, *actors.Error) {
	d := &digest{at: -1}
	err := readObject(v, "digest", "key, title, window, sliding, max, at, lead", func(name string, v json.RawMessage) (err *actors.Error) {
		field := "digest." + name
		switch name {
		case "key":
			if d.key, err = readText(v, field, maxKey); err == nil && !isLabel(strings.ReplaceAll(d.key, "{category}", "x")) {
				err = wrong(field, "it must be made of A-Z a-z 0-9 . _ : - and {category}")
			}
		case "title":
			if d.title, err = readText(v, field, maxTitle); err == nil && d.title == "" {
				err = wrong(field, "it is empty")
			}
		case "window":
			d.window, _, err = readDuration(v, field, minWindow, maxWindow)
		case "sliding":
			d.sliding, _, err = readDuration(v, field, minWindow, maxWindow)
		case "max":
			d.max, _, err = readDuration(v, field, minWindow, maxWindow)
		case "at":
			d.at, err = readClock(v, field)
		case "lead":
			var lead string
			if lead, err = readText(v, field, maxWord); err == nil && lead != "first" && lead != "none" {
				err = wrong(field, "it must be first or none")
			}
			d.lead = lead == "first"
		default:
			return errNoField
		}
		return err
	})
	kinds := 0
	for _, set := range []bool{d.window > 0, d.sliding > 0, d.at >= 0} {
		if set {
			kinds++
		}
	}
	switch {
	case err != nil:
		return nil, err
	case kinds != 1:
		return nil, wrong("digest", "it needs one of window (from the first message), sliding (from the last one) and at (a time of the day)")
	case d.sliding > 0 && d.max == 0:
		return nil, wrong("digest.max", "it is missing: for how long a sliding digest is open at most")
	case d.max > 0 && d.sliding == 0:
		return nil, wrong("digest.max", "only a sliding digest has it")
	case d.max > 0 && d.max < d.sliding:
		return nil, wrong("digest.max", "it is shorter than sliding")
	}
	return d, nil
}

// readOutcome reads what becomes of a message.
func readOutcome(v json.RawMessage, field string, allowed ...Do) (Do, *actors.Error) {
	text, err := readText(v, field, maxWord)
	if err != nil {
		return 0, err
	}
	if do, ok := outcomes[text]; ok && slices.Contains(allowed, do) {
		return do, nil
	}
	var names []string
	for _, name := range []string{"deliver", "hold", "drop", "digest"} {
		if slices.Contains(allowed, outcomes[name]) {
			names = append(names, name)
		}
	}
	return 0, wrong(field, "it must be %s", strings.Join(names, " or "))
}

// readRules reads a set of rules by their names.
func readRules(v json.RawMessage, field string, names map[string]actors.Rule) (s set, err *actors.Error) {
	err = readList(v, field, len(names), func(item string, v json.RawMessage) *actors.Error {
		text, err := readText(v, item, maxWord)
		if err != nil {
			return err
		}
		rule, ok := names[text]
		if !ok {
			all := make([]string, 0, len(names))
			for name := range names {
				all = append(all, name)
			}
			slices.Sort(all)
			return wrong(item, "it must be one of %s", strings.Join(all, ", "))
		}
		s |= setOf(rule)
		return nil
	})
	return s, err
}

// readNumber reads a whole number within bounds.
func readNumber(v json.RawMessage, field string, least, most int) (int, *actors.Error) {
	var f float64
	if json.Unmarshal(v, &f) != nil || string(v) == "null" || f != math.Trunc(f) || f < float64(least) || f > float64(most) {
		return 0, wrong(field, "it must be a number from %d to %d", least, most)
	}
	return int(f), nil
}
