package packet

import (
	"strings"
	"testing"
)

// matches are filters and names; those of the standard (MQTT 5, 4.7) among them.
var matches = []struct {
	filter, name string
	want         bool
}{
	{"sport/tennis/player1/#", "sport/tennis/player1", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
	{"sport/tennis/player1/#", "sport/tennis/player10", false},
	{"sport/#", "sport", true},
	{"#", "sport", true},
	{"#", "/", true},
	{"sport/tennis/+", "sport/tennis/player1", true},
	{"sport/tennis/+", "sport/tennis/player1/ranking", false},
	{"sport/+", "sport", false},
	{"sport/+", "sport/", true},
	{"+/+", "/finance", true},
	{"/+", "/finance", true},
	{"+", "/finance", false},
	{"+/tennis/#", "sport/tennis", true},
	{"+/#", "sport", true},
	{"#", "$SYS/monitor", false},
	{"+/monitor/Clients", "$SYS/monitor/Clients", false},
	{"$SYS/#", "$SYS/monitor", true},
	{"$SYS/#", "$SYS/", true},
	{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
	{"a/$x/+", "a/$x/b", true},
	{"a/+", "a/$x", true},
	{"ACCOUNTS", "Accounts", false},
	{"Accounts", "/Accounts", false},
	{"a b/é", "a b/é", true},
	{"é", "e\u0301", false},
	{"a//b", "a/b", false},
	{"a/+/b", "a//b", true},
	{"", "a", false},
	{"a", "", false},
}

var badFilters = []string{
	"", "#a", "a#", "a/#/b", "a/b#", "+a", "a+", "a/b+/c", "a/+b", "##", "++", "a\x00b", "a\xffb", "\xed\xa0\x80",
	"$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/g#/a", "$share/g/a#",
	strings.Repeat("a", MaxString+1),
}

func TestMatch(t *testing.T) {
	for _, c := range matches {
		if got := Match(c.filter, []byte(c.name)); got != c.want {
			t.Errorf("Match(%q, %q) is %t, want %t", c.filter, c.name, got, c.want)
		}
		if c.filter != "" && !ValidFilter(c.filter) {
			t.Errorf("%q is no filter", c.filter)
		}
	}
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

func TestValidName(t *testing.T) {
	for _, name := range []string{"", "+", "a/#", "a#b", "a\x00", "\xff", "\xed\xbf\xbf", strings.Repeat("a", MaxString+1)} {
		if ValidName(name) {
			t.Errorf("%.20q is a name", name)
		}
	}
	for _, name := range []string{"/", "a", "a/b c", "$SYS/x", "$share/g/x", "\ufeffa", "\uffff", strings.Repeat("/", MaxString)} {
		if !ValidName(name) {
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
		group, rest, ok := SplitShare([]byte(c.filter))
		if string(group) != c.group || string(rest) != c.rest || ok != c.ok {
			t.Errorf("SplitShare(%q) is %q, %q, %t", c.filter, group, rest, ok)
		}
	}
}

func TestLevels(t *testing.T) {
	for topic, want := range map[string]int{"a": 1, "/": 2, "a/b/c": 3, "a//b": 3, "+/#": 2} {
		if got := Levels(topic); got != want {
			t.Errorf("Levels(%q) is %d, want %d", topic, got, want)
		}
	}
}
