package packet

import (
	"strings"
	"testing"
)

var badFilters = []string{
	"", "#a", "a#", "a/#/b", "a/b#", "+a", "a+", "a/b+/c", "a/+b", "##", "++", "a\x00b", "a\xffb", "\xed\xa0\x80",
	"$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/g#/a", "$share/g/a#",
	strings.Repeat("a", MaxString+1),
}

func TestValidFilter(t *testing.T) {
	for _, filter := range badFilters {
		if ValidFilter(filter) {
			t.Errorf("%.20q is a filter", filter)
		}
	}
	for _, filter := range []string{"/", "//", "+", "#", "/#", "+/+/#", "$share", "$share/g/#", "$share/g//", "$shared", "\ufeff", strings.Repeat("a", MaxString)} {
		if !ValidFilter(filter) {
			t.Errorf("%.20q is no filter", filter)
		}
	}
}

// validName tells whether messages can be published to a topic of this name
// (MQTT 5, 4.7).
func validName(name string) bool { return validText(name) && nameFault(name) == "" }

func TestValidName(t *testing.T) {
	for _, name := range []string{"", "+", "a/#", "a#b", "a\x00", "\xff", "\xed\xbf\xbf", strings.Repeat("a", MaxString+1)} {
		if validName(name) {
			t.Errorf("%.20q is a name", name)
		}
	}
	for _, name := range []string{"/", "a", "a/b c", "$SYS/x", "$share/g/x", "\ufeffa", "\uffff", strings.Repeat("/", MaxString)} {
		if !validName(name) {
			t.Errorf("%.20q is no name", name)
		}
	}
}

func TestSplitShare(t *testing.T) {
	for _, c := range []struct {
		filter, group, rest string
		ok                  bool
	}{
		{"$share/g/a/+", "g", "a/+", true},
		{"$share/g//", "g", "/", true},
		{"$share/g", "", "$share/g", false},
		{"$share", "", "$share", false},
		{"$shared/g/a", "", "$shared/g/a", false},
		{"a/$share/g/b", "", "a/$share/g/b", false},
	} {
		group, rest, ok := splitShare([]byte(c.filter))
		if string(group) != c.group || string(rest) != c.rest || ok != c.ok {
			t.Errorf("splitShare(%q) is %q, %q, %t", c.filter, group, rest, ok)
		}
	}
}
