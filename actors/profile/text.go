package profile

import (
	"math"
	"strconv"

	"reddot/actors"
)

// What callers see, as JSON.

// AppendProfile appends a profile as a JSON object; nil is an empty one.
func AppendProfile(b []byte, p *actors.Profile) []byte {
	b = appendList(append(b, `{"tags":`...), p.GetTags(), actors.AppendString)
	b = appendAttributes(append(b, `,"attributes":`...), p)
	if p.GetLocale() != "" {
		b = actors.AppendString(append(b, `,"locale":`...), p.Locale)
	}
	if p.GetZone() != "" {
		b = actors.AppendString(append(b, `,"zone":`...), p.Zone)
	}
	b = appendList(append(b, `,"tenants":`...), p.GetTenants(), actors.AppendString)
	return append(appendAddresses(append(b, `,"addresses":`...), p), '}')
}

// Members returns a profile's attributes and addresses, each as a JSON object;
// empty: there are none.
func Members(p *actors.Profile) (attributes, addresses string) {
	if len(p.GetAttributes()) > 0 {
		attributes = string(appendAttributes(nil, p))
	}
	if len(p.GetAddresses()) > 0 {
		addresses = string(appendAddresses(nil, p))
	}
	return attributes, addresses
}

func appendAttributes(b []byte, p *actors.Profile) []byte {
	b = append(b, '{')
	for i, a := range p.GetAttributes() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(actors.AppendString(b, a.Name), ':')
		b = appendValue(b, a)
	}
	return append(b, '}')
}

func appendAddresses(b []byte, p *actors.Profile) []byte {
	b = append(b, '{')
	for i, a := range p.GetAddresses() {
		switch {
		case i > 0 && a.Channel == p.Addresses[i-1].Channel:
			b = append(b, ',')
		case i > 0:
			b = append(b, "],"...)
			fallthrough
		default:
			b = append(actors.AppendString(b, a.Channel), ":["...)
		}
		b = appendAddress(b, a)
	}
	if len(p.GetAddresses()) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendValue(b []byte, a *actors.Attribute) []byte {
	switch v := a.Value.(type) {
	case *actors.Attribute_Text:
		return actors.AppendString(b, v.Text)
	case *actors.Attribute_Number:
		return appendNumber(b, v.Number)
	case *actors.Attribute_Flag:
		return strconv.AppendBool(b, v.Flag)
	case *actors.Attribute_Time:
		return actors.AppendTime(b, v.Time)
	case *actors.Attribute_Texts:
		return appendList(b, v.Texts.GetList(), actors.AppendString)
	case *actors.Attribute_Numbers:
		return appendList(b, v.Numbers.GetList(), appendNumber)
	}
	return append(b, "null"...)
}

// appendNumber appends a number as JavaScript writes it (ECMA-262, Number::toString).
func appendNumber(b []byte, n float64) []byte {
	if abs := math.Abs(n); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(b, n, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, n, 'f', -1, 64)
}

func appendAddress(b []byte, a *actors.Address) []byte {
	c := ChannelOf(a.Channel)
	if c == nil { // a newer program's
		c = &Channel{Address: "address", Account: "account"}
	}
	b = actors.AppendString(append(b, '{'), c.Address)
	b = actors.AppendString(append(b, ':'), a.Address)
	if a.Account != "" {
		b = actors.AppendString(append(b, ','), c.Account)
		b = actors.AppendString(append(b, ':'), a.Account)
	}
	if a.P256Dh != "" {
		b = actors.AppendString(append(b, `,"keys":{"p256dh":`...), a.P256Dh)
		b = actors.AppendString(append(b, `,"auth":`...), a.Auth)
		b = append(b, '}')
	}
	return append(b, '}')
}

func appendList[E any](b []byte, list []E, one func([]byte, E) []byte) []byte {
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, e)
	}
	return append(b, ']')
}

// AppendPreferences appends preferences as a JSON object; nil are none.
func AppendPreferences(b []byte, p *actors.Preferences) []byte {
	b = appendOwn(b, p)
	b = append(b, `,"tenants":{`...)
	for i, t := range p.GetTenants() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(actors.AppendString(b, t.Tenant), ':')
		b = append(appendOwn(b, t.Preferences), '}')
	}
	return append(b, "}}"...)
}

// appendOwn appends all but tenants, and not the end of the object.
func appendOwn(b []byte, p *actors.Preferences) []byte {
	b = append(b, `{"categories":{`...)
	for i, c := range p.GetCategories() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(actors.AppendString(b, c.Category), ':')
		b = appendSwitches(b, c.Channels)
	}
	b = append(b, `},"channels":`...)
	b = appendSwitches(b, p.GetChannels())
	if q := p.GetQuietHours(); q != nil {
		b = appendQuietHours(append(b, `,"quiet_hours":`...), q)
	}
	return actors.AppendTimeMember(b, `,"muted_until":`, p.GetMutedUntil())
}

func appendSwitches(b []byte, list []*actors.ChannelPreference) []byte {
	b = append(b, '{')
	for i, c := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(actors.AppendString(b, c.Channel), ':')
		b = strconv.AppendBool(b, c.On)
	}
	return append(b, '}')
}

// Days name the days of a week, in the order of their bits in QuietHours.days.
var Days = [...]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

func appendQuietHours(b []byte, q *actors.QuietHours) []byte {
	b = appendClock(append(b, `{"from":`...), q.From)
	b = appendClock(append(b, `,"to":`...), q.To)
	if q.Zone != "" {
		b = actors.AppendString(append(b, `,"zone":`...), q.Zone)
	}
	if q.Days != 0 {
		var days []string
		for i, name := range Days {
			if q.Days&(1<<i) != 0 {
				days = append(days, name)
			}
		}
		b = appendList(append(b, `,"days":`...), days, actors.AppendString)
	}
	return append(b, '}')
}

// appendClock appends a time of the day as HH:MM.
func appendClock(b []byte, minutes uint32) []byte {
	h, m := minutes/60, minutes%60
	return append(b, '"', byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), '"')
}

// AppendNames appends topics or lists as a JSON array.
func AppendNames(b []byte, names []string) []byte {
	return appendList(b, names, actors.AppendString)
}
