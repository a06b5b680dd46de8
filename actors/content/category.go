package content

import (
	"fmt"
	"maps"
	"slices"

	"reddot/actors"
	"reddot/actors/profile"
)

// The bounds of what people are shown.
const (
	maxLocales = 32  // of a category or a template
	MaxName    = 128 // bytes of a category's name
)

// A Category is what an app says of the messages with a label: how people call it, and
// which channels bring it to whoever has not chosen.
type Category struct {
	Names     map[string]string `json:"names,omitempty"`    // by locale
	Channels  map[string]bool   `json:"channels,omitempty"` // those that it names; the others are on
	Locked    bool              `json:"locked"`             // the user cannot switch it off
	Marketing bool              `json:"marketing"`          // it may be sent only to whoever has not refused
}

// Check returns what is wrong with the category.
func (c *Category) Check() error {
	if len(c.Names) > maxLocales {
		return wrong("names", "there are at most %d locales", maxLocales)
	}
	for _, locale := range slices.Sorted(maps.Keys(c.Names)) {
		field := "names." + locale
		switch {
		case !profile.IsLocale(locale):
			return wrong(field, "%q is no language tag such as zh-CN", locale)
		case c.Names[locale] == "":
			return wrong(field, "it is empty")
		case len(c.Names[locale]) > MaxName:
			return large(field, MaxName)
		}
	}
	for _, channel := range slices.Sorted(maps.Keys(c.Channels)) {
		if !profile.IsChannel(channel) {
			return wrong("channels."+channel, "there is no such channel; there are %s", profile.ChannelNames())
		}
	}
	if c.Locked && c.Marketing {
		return wrong("locked", "who gets marketing may refuse it: a category is locked or marketing, not both")
	}
	return nil
}

// wrong is what is said of a field that breaks a rule.
func wrong(field, format string, args ...any) *actors.Error {
	return &actors.Error{Code: actors.Invalid, Field: field, Detail: field + ": " + fmt.Sprintf(format, args...)}
}

// large is what is said of a field that is too long.
func large(field string, limit int) *actors.Error {
	return &actors.Error{Code: actors.TooLarge, Field: field, Detail: fmt.Sprintf("%s: at most %d bytes are allowed", field, limit)}
}
