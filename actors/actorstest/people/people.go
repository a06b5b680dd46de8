package people

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"reddot/actors"
)

// What people have, follow and are in. They are few, so that segments find some of them.
var (
	Topics = []string{"news", "sport"}
	Lists  = []string{"beta", "news"} // one has the name of a topic

	tags    = []string{"new", "vip", "x"}
	tenants = []string{"acme", "globex"}
	cities  = []string{"", "Berlin", "Bern", "Shanghai"}
	likes   = []string{"cake", "tea"}
	locales = []string{"de", "fr", "zh-CN"}
	zones   = []string{"Asia/Shanghai", "Europe/Berlin"}
)

// A Person is what is known of a user.
type Person struct {
	Follows, Lists Names

	tags, tenants []string // in their order; nil: none
	locale, zone  string
	attributes    map[string]any // string, float64, bool, int64 (a time, unix milliseconds), []string or []float64
	prefers       []byte         // as it is stored
}

// Names are a set: those that are true are in it.
type Names map[string]bool

// Names returns the names that are in the set, in their order.
func (n Names) Names() (list []string) {
	for _, name := range slices.Sorted(maps.Keys(n)) {
		if n[name] {
			list = append(list, name)
		}
	}
	return list
}

// New returns a person of whom nothing is known.
func New() *Person {
	return &Person{Follows: Names{}, Lists: Names{}, attributes: map[string]any{}}
}

// String describes the person: two of whom the same is known have the same description.
func (p *Person) String() string {
	return fmt.Sprintf("follows %q, in %q, tags %q, tenants %q, locale %q, zone %q, attributes %v, prefers %q",
		p.Follows.Names(), p.Lists.Names(), p.tags, p.tenants, p.locale, p.zone, p.attributes, p.prefers)
}

// Tags returns the person's tags in their order; nil: there are none.
func (p *Person) Tags() []string { return p.tags }

// Prefers returns what the person prefers, in the form in which that is stored.
func (p *Person) Prefers() []byte { return p.prefers }

// Wants tells whether the person has not switched off, in the inbox, the messages of a
// category and of a tenant, if they have one: looking at each thing that is preferred, what
// is said of the tenant first, and of the category before the channel.
func (p *Person) Wants(category, tenant string) bool {
	var all actors.Preferences
	if err := all.UnmarshalVT(p.prefers); err != nil {
		panic(err) // it was encoded here
	}
	in := func(list []*actors.ChannelPreference) (said []bool) {
		for _, c := range list {
			if c.Channel == "inapp" {
				said = append(said, c.On)
			}
		}
		return said
	}
	of := func(all *actors.Preferences) (said []bool) {
		for _, c := range all.Categories {
			if c.Category == category {
				said = append(said, in(c.Channels)...)
			}
		}
		return append(said, in(all.Channels)...)
	}
	var said []bool
	for _, t := range all.Tenants {
		if tenant != "" && t.Tenant == tenant {
			said = append(said, of(t.Preferences)...)
		}
	}
	said = append(said, of(&all)...)
	return len(said) == 0 || said[0]
}

// Follow lets the person follow a topic, or not any more.
func (p *Person) Follow(rng *rand.Rand) *actors.Follow {
	t := one(rng, Topics)
	p.Follows[t] = !p.Follows[t]
	return &actors.Follow{Topic: t, Stop: !p.Follows[t]}
}

// Join puts the person into a list, or takes it out.
func (p *Person) Join(rng *rand.Rand) *actors.JoinList {
	l := one(rng, Lists)
	p.Lists[l] = !p.Lists[l]
	return &actors.JoinList{List: l, Leave: !p.Lists[l]}
}

// Describe changes what is known of the person: all of it, or a part.
func (p *Person) Describe(rng *rand.Rand, now int64) *actors.SetProfile {
	c := &actors.SetProfile{Profile: &actors.Profile{}, Replace: rng.IntN(3) == 0}
	if c.Replace {
		p.tags, p.tenants, p.locale, p.zone = nil, nil, "", ""
		clear(p.attributes)
	} else {
		p.forget(rng, c)
	}
	often := func() bool { return rng.IntN(3) == 0 }
	if often() {
		p.replace(&p.tags, some(rng, tags))
		c.Profile.Tags = backwards(p.tags)
	}
	if often() {
		p.replace(&p.tenants, some(rng, tenants))
		c.Profile.Tenants = backwards(p.tenants)
	}
	if often() {
		p.locale = one(rng, locales)
		c.Profile.Locale = p.locale
	}
	if often() {
		p.zone = one(rng, zones)
		c.Profile.Zone = p.zone
	}
	for _, name := range []string{"city", "level", "on", "met", "likes", "ranks"} {
		if often() {
			p.attributes[name] = value(rng, name, now)
			c.Profile.Attributes = append(c.Profile.Attributes, attribute(name, p.attributes[name]))
		}
	}
	return c
}

// forget removes members by their names.
func (p *Person) forget(rng *rand.Rand, c *actors.SetProfile) {
	if rng.IntN(4) == 0 {
		p.tags = nil
		c.Removed = append(c.Removed, "tags")
	}
	for _, name := range slices.Sorted(maps.Keys(p.attributes)) {
		if rng.IntN(4) == 0 {
			delete(p.attributes, name)
			c.Removed = append(c.Removed, "attributes."+name)
		}
	}
}

// replace puts in what was chosen; nothing changes nothing.
func (*Person) replace(have *[]string, chosen []string) {
	if len(chosen) > 0 {
		*have = chosen
	}
}

// Import changes much of what is known of the person at once.
func (p *Person) Import(rng *rand.Rand, now int64) *actors.ImportUser {
	c := &actors.ImportUser{AllFollows: rng.IntN(2) == 0, AllLists: rng.IntN(2) == 0, Follows: some(rng, Topics), Lists: some(rng, Lists)}
	add := func(have Names, all bool, names []string) {
		if all {
			clear(have)
		}
		for _, n := range names {
			have[n] = true
		}
	}
	add(p.Follows, c.AllFollows, c.Follows)
	add(p.Lists, c.AllLists, c.Lists)
	c.Profile = *p.Describe(rng, now)
	if rng.IntN(2) == 0 {
		c.Preferences = p.Prefer(rng).Preferences
	}
	return c
}

// Prefer changes what the person prefers.
func (p *Person) Prefer(rng *rand.Rand) *actors.SetPreferences {
	c := preferences(rng)
	for _, t := range some(rng, tenants) {
		c.Tenants = append(c.Tenants, &actors.TenantPreferences{Tenant: t, Preferences: preferences(rng)})
	}
	raw, err := c.MarshalVT()
	if err != nil {
		panic(err) // it is all in memory
	}
	p.prefers = raw
	return &actors.SetPreferences{Preferences: c}
}

func preferences(rng *rand.Rand) *actors.Preferences {
	p := &actors.Preferences{MutedUntil: int64(rng.IntN(3))}
	for _, c := range some(rng, []string{"a", "b"}) {
		p.Categories = append(p.Categories, &actors.CategoryPreference{Category: c, Channels: switches(rng)})
	}
	p.Channels = switches(rng)
	if rng.IntN(4) == 0 {
		p.QuietHours = &actors.QuietHours{From: uint32(rng.IntN(24 * 60)), To: uint32(rng.IntN(24 * 60)), Zone: one(rng, zones)}
	}
	return p
}

func switches(rng *rand.Rand) (list []*actors.ChannelPreference) {
	for _, c := range some(rng, []string{"email", "inapp", "sms"}) {
		list = append(list, &actors.ChannelPreference{Channel: c, On: rng.IntN(2) == 0})
	}
	return list
}

// value returns a value for an attribute of the name.
func value(rng *rand.Rand, name string, now int64) any {
	switch name {
	case "city":
		return one(rng, cities)
	case "level":
		return float64(rng.IntN(8) - 3)
	case "on":
		return rng.IntN(2) == 0
	case "met":
		return now - rng.Int64N(12*hour)
	case "likes":
		return some(rng, likes)
	}
	var list []float64
	for _, n := range []float64{-1, 2} {
		if rng.IntN(2) == 0 {
			list = append(list, n)
		}
	}
	return list
}

func attribute(name string, v any) *actors.Attribute {
	a := &actors.Attribute{Name: name}
	switch v := v.(type) {
	case string:
		a.Value = &actors.Attribute_Text{Text: v}
	case float64:
		a.Value = &actors.Attribute_Number{Number: v}
	case bool:
		a.Value = &actors.Attribute_Flag{Flag: v}
	case int64:
		a.Value = &actors.Attribute_Time{Time: v}
	case []string:
		a.Value = &actors.Attribute_Texts{Texts: &actors.TextList{List: v}}
	case []float64:
		a.Value = &actors.Attribute_Numbers{Numbers: &actors.NumberList{List: v}}
	}
	return a
}

func one(rng *rand.Rand, of []string) string { return of[rng.IntN(len(of))] }

// some returns a part of the names, in their order; nil: none.
func some(rng *rand.Rand, of []string) (list []string) {
	for _, s := range of {
		if rng.IntN(2) == 0 {
			list = append(list, s)
		}
	}
	return list
}

// backwards returns the names in the other order: whoever takes them puts them in theirs.
func backwards(names []string) []string {
	names = slices.Clone(names)
	slices.Reverse(names)
	return names
}
