package content

import (
	"strings"
	"testing"

	"reddot/actors"
)

func TestCategory(t *testing.T) {
	many := map[string]string{}
	for c := range maxLocales + 1 {
		many["aa-"+strings.Repeat("x", c%8+1)+"-"+string(rune('a'+c/8))] = "x"
	}
	for name, c := range map[string]struct {
		category Category
		field    string
		code     actors.Code
	}{
		"nothing":        {},
		"all of it":      {category: Category{Names: map[string]string{"en": "Orders", "zh-Hant-HK": "訂單"}, Channels: map[string]bool{"inapp": true, "email": false}, Locked: true}},
		"marketing":      {category: Category{Marketing: true}},
		"both":           {Category{Locked: true, Marketing: true}, "locked", actors.Invalid},
		"no locale":      {Category{Names: map[string]string{"english!": "x"}}, "names.english!", actors.Invalid},
		"empty":          {Category{Names: map[string]string{"en": ""}}, "names.en", actors.Invalid},
		"long":           {Category{Names: map[string]string{"en": strings.Repeat("x", MaxName+1)}}, "names.en", actors.TooLarge},
		"long enough":    {category: Category{Names: map[string]string{"en": strings.Repeat("x", MaxName)}}},
		"many":           {Category{Names: many}, "names", actors.Invalid},
		"strange medium": {Category{Channels: map[string]bool{"pigeon": true}}, "channels.pigeon", actors.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.category.Check()
			if c.field == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if e := actors.AsError(err); e == nil || e.Field != c.field || e.Code != c.code {
				t.Errorf("got %v, want %s of %s", err, c.code, c.field)
			}
		})
	}
}
