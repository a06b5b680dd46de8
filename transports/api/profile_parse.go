package api

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that every node knows the same zones, also where the system has none

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/transports"
)

// parseProfile reads a profile or, with patch, what changes in one (RFC 7396). What
// may be in it is said by the package profile; what is read here is its form.
func (d *draft) parseProfile(src []byte, patch bool) (*actors.SetProfile, error) {
	p := &profileReader{draft: d, patch: patch, set: &actors.Profile{}}
	if err := d.whole(src, p.member); err != nil {
		return nil, err
	}
	if err := profile.Check(p.set); err != nil {
		return nil, err
	}
	return &actors.SetProfile{Profile: p.set, Removed: p.removed, Replace: !patch}, nil
}

// whole reads a body that is an object: what is no JSON comes before anything that
// is wrong with a field.
func (d *draft) whole(src []byte, each func(name string) error) error {
	d.in.Reset(src, d.lim.Depth)
	if !d.in.SkipValue() || !d.in.End() {
		return d.in.Err()
	}
	d.in.Seek(0)
	return d.object("body", each)
}

// object reads an object, and each of its members by each, which is called with the
// name. No name stands twice.
func (d *draft) object(field string, each func(name string) error) error {
	s := &d.in.Scanner
	if !s.Open('{') {
		return d.in.NotA(field, "an object")
	}
	var seen []string
	for first := true; ; first = false {
		t, more := s.Member(first)
		if !more {
			break
		}
		if t.Size > maxMember {
			return wrong(shown(t), "there is no such field")
		}
		name := t.String()
		if slices.Contains(seen, name) {
			return transports.TwiceField(transports.ShownField(name))
		}
		if len(seen) == maxMembers {
			return wrong(field, fmt.Sprintf("it has more than %d members", maxMembers))
		}
		seen = append(seen, name)
		if err := each(name); err != nil {
			return err
		}
	}
	if s.Bad() {
		return s.Err()
	}
	return nil
}

// The bounds of an object of which each member is looked at: the length of a name
// and the number of members.
const (
	maxMember  = 256
	maxMembers = 256
)

// profileReader reads the members of a profile.
type profileReader struct {
	*draft
	patch   bool
	set     *actors.Profile
	removed []string
}

// null reads a null, which removes a member in a patch.
func (p *profileReader) null(name string) bool {
	if !p.patch || !p.in.Word("null") {
		return false
	}
	p.removed = append(p.removed, name)
	return true
}

func (p *profileReader) member(name string) (err error) {
	if !slices.Contains(profileMembers, name) {
		return wrong(transports.ShownField(name), "there is no such field; there are "+strings.Join(profileMembers, ", "))
	}
	if p.null(name) {
		return nil
	}
	switch name {
	case "tags":
		p.set.Tags, err = p.list(name, profile.MaxTags, profile.MaxTag)
	case "tenants":
		p.set.Tenants, err = p.list(name, profile.MaxTenants, profile.MaxTenant)
	case "locale":
		p.set.Locale, err = p.text(name, profile.MaxLocale)
	case "zone":
		p.set.Zone, err = p.zone(name)
	case "attributes":
		err = p.object(name, p.attribute)
	case "addresses":
		err = p.object(name, p.channel)
	}
	return err
}

var profileMembers = []string{"tags", "attributes", "locale", "zone", "tenants", "addresses"}

// list reads an array of strings. An empty one removes the member.
func (p *profileReader) list(name string, most, size int) ([]string, error) {
	list, err := p.strings(name, most, size)
	if err == nil && len(list) == 0 {
		p.removed = append(p.removed, name)
	}
	return list, err
}

// strings reads an array of at most so many strings.
func (d *draft) strings(field string, most, size int) (list []string, err error) {
	s := &d.in.Scanner
	if !s.Open('[') {
		return nil, d.in.NotA(field, "an array of strings")
	}
	for first := true; s.Item(first); first = false {
		if len(list) == most {
			return nil, wrong(field, fmt.Sprintf("there are at most %d", most))
		}
		text, err := d.text(field, size)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	if s.Bad() {
		return nil, s.Err()
	}
	return list, nil
}

// text reads a string of 1 to limit bytes.
func (d *draft) text(field string, limit int) (string, error) {
	t, err := d.in.TextField(field, limit)
	if err == nil && t.Size == 0 {
		err = wrong(field, "it is empty")
	}
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

// zone reads the name of a time zone that there is.
func (d *draft) zone(field string) (string, error) {
	name, err := d.text(field, profile.MaxZone)
	if err != nil {
		return "", err
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return "", wrong(field, "there is no such zone; it must be a name of the IANA time zone database, such as Asia/Shanghai")
	}
	return name, nil
}

// attribute reads one attribute.
func (p *profileReader) attribute(name string) error {
	field := transports.ShownField("attributes." + name)
	if p.null("attributes." + name) {
		return nil
	}
	a := &actors.Attribute{Name: name}
	var err error
	switch c := p.in.Peek(); {
	case c == '"':
		err = p.textValue(field, a)
	case c == '-' || '0' <= c && c <= '9':
		var n float64
		n, err = p.number(field)
		a.Value = &actors.Attribute_Number{Number: n}
	case c == 't' || c == 'f':
		var flag bool
		flag, err = p.in.BoolField(field)
		a.Value = &actors.Attribute_Flag{Flag: flag}
	case c == '[':
		err = p.listValue(field, a)
	default:
		err = p.in.NotA(field, "a string, a number, true or false, or an array of strings or of numbers")
	}
	p.set.Attributes = append(p.set.Attributes, a)
	return err
}

// textValue reads a string, or a time, which is a string as RFC 3339 has it.
func (p *profileReader) textValue(field string, a *actors.Attribute) error {
	t, err := p.in.TextField(field, profile.MaxText)
	if err != nil {
		return err
	}
	text := t.String()
	if at, ok := actors.ParseTime(text); ok {
		a.Value = &actors.Attribute_Time{Time: at.UnixMilli()}
	} else {
		a.Value = &actors.Attribute_Text{Text: text}
	}
	return nil
}

// maxWhole is the number below which a float64 has every whole one.
const maxWhole = 1 << 53

// number reads a number that can be kept as it is written.
func (p *profileReader) number(field string) (float64, error) {
	raw, ok := p.in.Raw()
	if !ok {
		return 0, p.in.Err()
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case err != nil:
		return 0, wrong(field, "the number is too large")
	case math.Abs(n) >= maxWhole && !strings.ContainsAny(string(raw), ".eE"):
		return 0, wrong(field, "a whole number of more than 53 bits would lose its last digits; send it as a string")
	}
	return n, nil
}

// listValue reads an array of strings or of numbers.
func (p *profileReader) listValue(field string, a *actors.Attribute) error {
	s := &p.in.Scanner
	s.Open('[')
	var texts []string
	var numbers []float64
	for first := true; s.Item(first); first = false {
		if len(texts)+len(numbers) == profile.MaxList {
			return wrong(field, fmt.Sprintf("there are at most %d", profile.MaxList))
		}
		switch c := s.Peek(); {
		case c == '"' && numbers == nil:
			t, err := p.in.TextField(field, profile.MaxText)
			if err != nil {
				return err
			}
			texts = append(texts, t.String())
		case (c == '-' || '0' <= c && c <= '9') && texts == nil:
			n, err := p.number(field)
			if err != nil {
				return err
			}
			numbers = append(numbers, n)
		default:
			return p.in.NotA(field, "an array of strings alone or of numbers alone")
		}
	}
	if s.Bad() {
		return s.Err()
	}
	if numbers != nil {
		a.Value = &actors.Attribute_Numbers{Numbers: &actors.NumberList{List: numbers}}
	} else {
		a.Value = &actors.Attribute_Texts{Texts: &actors.TextList{List: texts}}
	}
	return nil
}

// channel reads the addresses of a channel.
func (p *profileReader) channel(name string) error {
	field := transports.ShownField("addresses." + name)
	if p.null("addresses." + name) {
		return nil
	}
	s := &p.in.Scanner
	if !s.Open('[') {
		return p.in.NotA(field, "an array of objects")
	}
	n := 0
	for first := true; s.Item(first); first = false {
		a := &actors.Address{Channel: name}
		if err := p.object(field, func(member string) error { return p.addressMember(field, member, a) }); err != nil {
			return err
		}
		if n++; n > profile.MaxAddresses {
			return wrong(field, fmt.Sprintf("there are at most %d", profile.MaxAddresses))
		}
		p.set.Addresses = append(p.set.Addresses, a)
	}
	if s.Bad() {
		return s.Err()
	}
	if n == 0 {
		p.removed = append(p.removed, "addresses."+name)
	}
	return nil
}

// addressMember reads a member of an address.
func (p *profileReader) addressMember(field, name string, a *actors.Address) (err error) {
	c := profile.ChannelOf(a.Channel)
	switch {
	case c == nil:
		return p.in.NotA(field, "of a channel that there is") // the check says which there are
	case name == c.Address:
		a.Address, err = p.text(field+"."+name, profile.MaxAddress)
	case name == c.Account && name != "":
		a.Account, err = p.text(field+"."+name, profile.MaxAccount)
	case name == "keys" && c.Keys:
		err = p.object(field+".keys", func(key string) (err error) {
			switch key {
			case "p256dh":
				a.P256Dh, err = p.text(field+".keys.p256dh", profile.MaxName*2)
			case "auth":
				a.Auth, err = p.text(field+".keys.auth", profile.MaxName)
			default:
				err = wrong(field+".keys."+transports.ShownField(key), "there is no such field; there are p256dh, auth")
			}
			return err
		})
	default:
		err = wrong(field+"."+transports.ShownField(name), "there is no such field; an address of "+c.Name+" has "+c.Members())
	}
	return err
}

// parsePreferences reads preferences.
func (d *draft) parsePreferences(src []byte) (*actors.Preferences, error) {
	p := &actors.Preferences{}
	err := d.whole(src, func(name string) error {
		if name == "tenants" {
			return d.object(name, func(tenant string) error {
				t := &actors.TenantPreferences{Tenant: tenant, Preferences: &actors.Preferences{}}
				p.Tenants = append(p.Tenants, t)
				field := transports.ShownField("tenants." + tenant)
				return d.object(field, func(name string) error { return d.preference(field+".", name, t.Preferences) })
			})
		}
		return d.preference("", name, p)
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
func (d *draft) preference(prefix, name string, p *actors.Preferences) (err error) {
	field := prefix + transports.ShownField(name)
	switch name {
	case "categories":
		return d.object(field, func(category string) error {
			c := &actors.CategoryPreference{Category: category}
			p.Categories = append(p.Categories, c)
			c.Channels, err = d.switches(transports.ShownField(field + "." + category))
			return err
		})
	case "channels":
		p.Channels, err = d.switches(field)
	case "quiet_hours":
		p.QuietHours, err = d.quietHours(field)
	case "muted_until":
		p.MutedUntil, err = d.in.TimeField(field, 0)
	default:
		err = wrong(field, "there is no such field; there are categories, channels, tenants, quiet_hours, muted_until")
	}
	return err
}

// switches reads which channels are switched on and off.
func (d *draft) switches(field string) (list []*actors.ChannelPreference, err error) {
	err = d.object(field, func(channel string) error {
		on, err := d.in.BoolField(transports.ShownField(field + "." + channel))
		list = append(list, &actors.ChannelPreference{Channel: channel, On: on})
		return err
	})
	return list, err
}

// quietHours reads {"from","to","zone","days"}; null: there are none.
func (d *draft) quietHours(field string) (*actors.QuietHours, error) {
	q := &actors.QuietHours{}
	const none = 1 << 31
	q.From, q.To = none, none
	err := d.object(field, func(name string) (err error) {
		switch name {
		case "from":
			q.From, err = d.clock(field + ".from")
		case "to":
			q.To, err = d.clock(field + ".to")
		case "zone":
			q.Zone, err = d.zone(field + ".zone")
		case "days":
			q.Days, err = d.days(field + ".days")
		default:
			err = wrong(field+"."+transports.ShownField(name), "there is no such field; there are from, to, zone, days")
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case q.From == none || q.To == none:
		return nil, wrong(field, "it must say from when and to when")
	}
	return q, nil
}

// clock reads a time of the day as HH:MM, in minutes.
func (d *draft) clock(field string) (uint32, error) {
	text, err := d.text(field, len("22:00"))
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
		return 0, wrong(field, "it must be a time of the day such as 22:00")
	}
	return h*60 + m, nil
}

// days reads the days of a week as a set.
func (d *draft) days(field string) (set uint32, err error) {
	names, err := d.strings(field, len(profile.Days), len("mon"))
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		i := slices.Index(profile.Days[:], name)
		if i < 0 {
			return 0, wrong(field, "each must be one of "+strings.Join(profile.Days[:], ", "))
		}
		set |= 1 << i
	}
	if set == 0 {
		return 0, wrong(field, "it is empty; leave it out where the hours hold on each day")
	}
	return set, nil
}
