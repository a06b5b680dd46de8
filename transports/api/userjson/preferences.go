package userjson

import (
	"slices"
	"strings"
	_ "time/tzdata" // so that every node knows the same zones, also where the system has none

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/actors/schedule"
	"reddot/transports"
)

// Preferences reads preferences.
func (r *Reader) Preferences(src []byte) (*actors.Preferences, error) {
	p := &actors.Preferences{}
	err := r.Whole(src, func(name string) error {
		if name == "tenants" {
			return r.Object(name, func(tenant string) error {
				t := &actors.TenantPreferences{Tenant: tenant, Preferences: &actors.Preferences{}}
				p.Tenants = append(p.Tenants, t)
				field := transports.ShownField("tenants." + tenant)
				return r.Object(field, func(name string) error { return r.preference(field+".", name, t.Preferences) })
			})
		}
		return r.preference("", name, p)
	})
	if err != nil {
		return nil, err
	}
	if err := profile.CheckPreferences(p); err != nil {
		return nil, err
	}
	return p, nil
}

// preference reads a member of preferences other than tenants. prefix precedes the
// names of fields.
func (r *Reader) preference(prefix, name string, p *actors.Preferences) (err error) {
	field := prefix + transports.ShownField(name)
	switch name {
	case "categories":
		return r.Object(field, func(category string) error {
			c := &actors.CategoryPreference{Category: category}
			p.Categories = append(p.Categories, c)
			c.Channels, err = r.switches(transports.ShownField(field + "." + category))
			return err
		})
	case "channels":
		p.Channels, err = r.switches(field)
	case "quiet_hours":
		p.QuietHours, err = r.quietHours(field)
	case "muted_until":
		p.MutedUntil, err = r.TimeField(field, 0)
	default:
		err = transports.WrongField(field, "there is no such field; there are categories, channels, tenants, quiet_hours, muted_until")
	}
	return err
}

// switches reads which channels are switched on and off.
func (r *Reader) switches(field string) (list []*actors.ChannelPreference, err error) {
	err = r.Object(field, func(channel string) error {
		on, err := r.BoolField(transports.ShownField(field + "." + channel))
		list = append(list, &actors.ChannelPreference{Channel: channel, On: on})
		return err
	})
	return list, err
}

// quietHours reads {"from","to","zone","days"}; null: there are none.
func (r *Reader) quietHours(field string) (*actors.QuietHours, error) {
	q := &actors.QuietHours{}
	const none = 1 << 31
	q.From, q.To = none, none
	err := r.Object(field, func(name string) (err error) {
		switch name {
		case "from":
			q.From, err = r.clock(field + ".from")
		case "to":
			q.To, err = r.clock(field + ".to")
		case "zone":
			q.Zone, err = r.zone(field + ".zone")
		case "days":
			q.Days, err = r.days(field + ".days")
		default:
			err = transports.WrongField(field+"."+transports.ShownField(name), "there is no such field; there are from, to, zone, days")
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case q.From == none || q.To == none:
		return nil, transports.WrongField(field, "it must say from when and to when")
	}
	return q, nil
}

// clock reads a time of the day as HH:MM, in minutes.
func (r *Reader) clock(field string) (uint32, error) {
	text, err := r.WordField(field, len("22:00"))
	if err != nil {
		return 0, err
	}
	var h, m uint32
	good := len(text) == len("22:00") && text[2] == ':'
	for i, c := range []byte(text) {
		good = good && (i == 2 || '0' <= c && c <= '9')
	}
	if good {
		h, m = uint32(text[0]-'0')*10+uint32(text[1]-'0'), uint32(text[3]-'0')*10+uint32(text[4]-'0')
	}
	if !good || m > 59 || h > 24 || h == 24 && m > 0 {
		return 0, transports.WrongField(field, "it must be a time of the day such as 22:00")
	}
	return h*60 + m, nil
}

// days reads the days of a week as a set.
func (r *Reader) days(field string) (set uint32, err error) {
	names, err := r.WordsField(field, len(profile.Days), len("mon"))
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		i := slices.Index(profile.Days[:], name)
		if i < 0 {
			return 0, transports.WrongField(field, "each must be one of "+strings.Join(profile.Days[:], ", "))
		}
		set |= 1 << i
	}
	if set == 0 {
		return 0, transports.WrongField(field, "it is empty; leave it out where the hours hold on each day")
	}
	return set, nil
}

// zone reads the name of a time zone that there is.
func (r *Reader) zone(field string) (string, error) {
	name, err := r.WordField(field, profile.MaxZone)
	if err != nil {
		return "", err
	}
	if _, err := schedule.Zone(name); err != nil {
		return "", transports.WrongField(field, err.Error())
	}
	return name, nil
}
