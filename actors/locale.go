package actors

import "strings"

// FindLocale looks for a user's locale among those that has knows: itself, then without
// its last part, and so on (zh-Hant-HK, zh-Hant, zh). It returns what has calls it;
// empty: none of them is there.
func FindLocale(locale string, has func(string) (string, bool)) string {
	for locale != "" {
		if name, ok := has(locale); ok {
			return name
		}
		i := strings.LastIndexByte(locale, '-')
		locale = locale[:max(0, i)]
	}
	return ""
}
