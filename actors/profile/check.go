package profile

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"reddot/actors"
)

// Check puts a profile into its order and returns what is wrong with it. Whether the
// zone is there, which takes a look at the disk, the edge has checked.
func Check(p *actors.Profile) *actors.Error {
	if err := checkLabels("tags", &p.Tags, MaxTags, MaxTag, isText, "text without control characters"); err != nil {
		return err
	}
	if err := checkLabels("tenants", &p.Tenants, MaxTenants, MaxTenant, IsLabel, "1 to 64 characters of A-Z a-z 0-9 . _ : -"); err != nil {
		return err
	}
	if err := checkAttributes(p); err != nil {
		return err
	}
	if p.Locale != "" && !IsLocale(p.Locale) {
		return wrong("locale", "it must be a language tag such as zh-CN")
	}
	if p.Zone != "" && !isZone(p.Zone) {
		return wrong("zone", "it must be a name of the IANA time zone database, such as Asia/Shanghai")
	}
	if err := checkAddresses(p); err != nil {
		return err
	}
	if n := p.SizeVT(); n > MaxSize {
		return &actors.Error{Code: actors.TooLarge, Detail: "a profile has at most 64 KiB; this one is larger"}
	}
	return nil
}

// checkLabels sorts a list of names, each once, and checks them.
func checkLabels(field string, list *[]string, most, size int, good func(string) bool, want string) *actors.Error {
	slices.Sort(*list)
	*list = slices.Compact(*list)
	if len(*list) > most {
		return many(field, most)
	}
	for _, s := range *list {
		switch {
		case len(s) > size:
			return large(field, size)
		case !good(s):
			return wrong(field, "each must be %s", want)
		}
	}
	return nil
}

func checkAttributes(p *actors.Profile) *actors.Error {
	if len(p.Attributes) > MaxAttributes {
		return many("attributes", MaxAttributes)
	}
	for _, a := range p.Attributes {
		switch {
		case a == nil || a.Name == "" || !isText(a.Name):
			return wrong("attributes", "a name must be text without control characters")
		case len(a.Name) > MaxName:
			return large("attributes", MaxName)
		}
		if err := checkValue(a); err != nil {
			return err
		}
	}
	slices.SortFunc(p.Attributes, func(a, b *actors.Attribute) int { return cmp.Compare(a.Name, b.Name) })
	for i := 1; i < len(p.Attributes); i++ {
		if p.Attributes[i].Name == p.Attributes[i-1].Name {
			return wrong("attributes."+p.Attributes[i].Name, "it stands twice")
		}
	}
	return nil
}

// checkValue checks what an attribute holds.
func checkValue(a *actors.Attribute) *actors.Error {
	field := "attributes." + a.Name
	var texts []string
	var numbers []float64
	switch v := a.Value.(type) {
	case *actors.Attribute_Text:
		texts = []string{v.Text}
	case *actors.Attribute_Number:
		numbers = []float64{v.Number}
	case *actors.Attribute_Flag:
	case *actors.Attribute_Time:
		if v.Time < minTime || v.Time > maxTime {
			return wrong(field, "a time of a year beyond 0 to 9999")
		}
	case *actors.Attribute_Texts:
		texts = v.Texts.GetList()
	case *actors.Attribute_Numbers:
		numbers = v.Numbers.GetList()
	default:
		return wrong(field, "it has no value")
	}
	if len(texts)+len(numbers) > MaxList {
		return many(field, MaxList)
	}
	for _, s := range texts {
		switch {
		case len(s) > MaxText:
			return large(field, MaxText)
		case !utf8.ValidString(s):
			return wrong(field, "it is no UTF-8 text")
		}
	}
	for _, n := range numbers {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return wrong(field, "it is no number")
		}
	}
	return nil
}

// The times that JSON can show, in unix milliseconds: the years 0 to 9999.
const (
	minTime = -62_167_219_200_000
	maxTime = 253_402_300_799_999
)

func checkAddresses(p *actors.Profile) *actors.Error {
	if len(p.Addresses) > MaxAddresses {
		return many("addresses", MaxAddresses)
	}
	for _, a := range p.Addresses {
		if err := checkAddress(a); err != nil {
			return err
		}
	}
	// The order within a channel is the caller's: the first one may be the main one.
	slices.SortStableFunc(p.Addresses, func(a, b *actors.Address) int { return cmp.Compare(a.Channel, b.Channel) })
	for i, a := range p.Addresses {
		for _, b := range p.Addresses[:i] {
			if b.Channel == a.Channel && b.Address == a.Address && b.Account == a.Account {
				return wrong("addresses."+a.Channel, "an address stands twice")
			}
		}
	}
	return nil
}

// CheckPreferences puts preferences into their order and returns what is wrong with
// them.
func CheckPreferences(p *actors.Preferences) *actors.Error {
	if err := checkPreferences(p, ""); err != nil {
		return err
	}
	if len(p.Tenants) > MaxTenants {
		return many("tenants", MaxTenants)
	}
	slices.SortFunc(p.Tenants, func(a, b *actors.TenantPreferences) int { return cmp.Compare(a.GetTenant(), b.GetTenant()) })
	for i, t := range p.Tenants {
		field := "tenants." + t.GetTenant()
		switch {
		case !IsLabel(t.GetTenant()) || len(t.Tenant) > MaxTenant:
			return wrong("tenants", "a tenant must be 1 to 64 characters of A-Z a-z 0-9 . _ : -")
		case i > 0 && p.Tenants[i-1].Tenant == t.Tenant:
			return wrong(field, "it stands twice")
		case t.Preferences == nil || len(t.Preferences.Tenants) > 0:
			return wrong(field, "a tenant has preferences of its own, and no tenants")
		}
		if err := checkPreferences(t.Preferences, field+"."); err != nil {
			return err
		}
	}
	if n := p.SizeVT(); n > MaxPreferencesSize {
		return &actors.Error{Code: actors.TooLarge, Detail: "preferences have at most 32 KiB; these are larger"}
	}
	return nil
}

// checkPreferences checks all but tenants. prefix precedes the names of fields.
func checkPreferences(p *actors.Preferences, prefix string) *actors.Error {
	if len(p.Categories) > MaxCategories {
		return many(prefix+"categories", MaxCategories)
	}
	slices.SortFunc(p.Categories, func(a, b *actors.CategoryPreference) int { return cmp.Compare(a.GetCategory(), b.GetCategory()) })
	for i, c := range p.Categories {
		field := prefix + "categories." + c.GetCategory()
		switch {
		case !IsLabel(c.GetCategory()) || len(c.Category) > MaxCategory:
			return wrong(prefix+"categories", "a category must be 1 to 64 characters of A-Z a-z 0-9 . _ : -")
		case i > 0 && p.Categories[i-1].Category == c.Category:
			return wrong(field, "it stands twice")
		}
		if err := checkSwitches(field, c.Channels); err != nil {
			return err
		}
	}
	if err := checkSwitches(prefix+"channels", p.Channels); err != nil {
		return err
	}
	if p.MutedUntil < 0 || p.MutedUntil > maxTime {
		return wrong(prefix+"muted_until", "this is no time")
	}
	return checkQuietHours(prefix+"quiet_hours", p.QuietHours)
}

// checkSwitches checks which channels are switched on and off.
func checkSwitches(field string, list []*actors.ChannelPreference) *actors.Error {
	slices.SortFunc(list, func(a, b *actors.ChannelPreference) int { return cmp.Compare(a.GetChannel(), b.GetChannel()) })
	for i, c := range list {
		switch {
		case !IsChannel(c.GetChannel()):
			return wrong(field+"."+c.GetChannel(), "there is no such channel; there are %s", ChannelNames())
		case i > 0 && list[i-1].Channel == c.Channel:
			return wrong(field+"."+c.Channel, "it stands twice")
		}
	}
	return nil
}

// A day in minutes, and the days of a week as a set.
const (
	dayMinutes = 24 * 60
	allDays    = 1<<7 - 1
)

func checkQuietHours(field string, q *actors.QuietHours) *actors.Error {
	switch {
	case q == nil:
	case q.From >= dayMinutes:
		return wrong(field+".from", "it must be a time of the day, from 00:00 to 23:59")
	case q.To > dayMinutes:
		return wrong(field+".to", "it must be a time of the day, from 00:00 to 24:00")
	case q.Zone != "" && !isZone(q.Zone):
		return wrong(field+".zone", "it must be a name of the IANA time zone database, such as Asia/Shanghai")
	case q.Days > allDays:
		return wrong(field+".days", "there are seven")
	}
	return nil
}

// checkTopic returns what is wrong with a topic that is to be followed. The edge has
// checked its form.
func checkTopic(topic string) *actors.Error {
	if topic == "" || !utf8.ValidString(topic) || topic[0] == '$' || strings.ContainsAny(topic, "+#\x00") {
		return wrong("topic", "a topic that is followed is text without + and #, and does not begin with $")
	}
	return nil
}

// checkList returns what is wrong with the name of a list.
func checkList(name string) *actors.Error {
	if !IsLabel(name) || strings.Contains(name, ":") || len(name) > MaxListName || name == "." || name == ".." {
		return wrong("list", "the name of a list has 1 to %d characters of A-Z a-z 0-9 . _ - and is not . or ..", MaxListName)
	}
	return nil
}

// isText tells whether s is text that can stand in a line.
func isText(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 })
}

// IsLabel tells whether s is made of what a category may be made of.
func IsLabel(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") == ""
}

// IsLocale tells whether s is well-formed enough for a language tag (RFC 5646): a
// language, and subtags of 1 to 8 letters and digits.
func IsLocale(s string) bool {
	for i, tag := range strings.Split(s, "-") {
		if len(tag) < 1 || len(tag) > 8 || i == 0 && (len(tag) < 2 || strings.ContainsAny(tag, "0123456789")) || !isAlphanumeric(tag) {
			return false
		}
	}
	return len(s) <= MaxLocale
}

func isAlphanumeric(s string) bool { return IsLabel(s) && !strings.ContainsAny(s, "._:-") }

// isZone tells whether s can be the name of a zone.
func isZone(s string) bool {
	return len(s) <= MaxZone && s != "Local" && !strings.Contains(s, "..") && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == "" &&
		s != "" && s[0] != '/'
}
