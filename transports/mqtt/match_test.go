package mqtt

import (
	"strings"
	"testing"
	"unicode/utf8"

	"reddot/actors"
	"reddot/transports/mqtt/packet"
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
	{"a", "", false},
}

func TestMatch(t *testing.T) {
	for _, c := range matches {
		if got := actors.MatchTopic(c.filter, c.name); got != c.want {
			t.Errorf("%q and %q: got %t, want %t", c.filter, c.name, got, c.want)
		}
		if !packet.ValidFilter(c.filter) {
			t.Errorf("%q is no filter", c.filter)
		}
	}
}

// FuzzMatch holds that topics are matched, by what knows nothing of MQTT, as the
// standard says level by level, but for the topics of users.
func FuzzMatch(f *testing.F) {
	for _, c := range matches {
		f.Add(c.filter, c.name)
	}
	for _, s := range [][2]string{{"a/#", "a"}, {"+/b", "a/b"}, {"#", "$x"}, {"a/+/c", "a//c"}, {"+", ""}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, filter, name string) {
		if !packet.ValidFilter(filter) || name == "" || !utf8.ValidString(name) || strings.ContainsAny(name, "+#\x00") || strings.HasPrefix(name, "users/") {
			return
		}
		_, rest, _ := actors.SplitShare(filter)
		got := actors.MatchTopic(rest, name)
		if want := matchLevels(rest, name); got != want {
			t.Errorf("%q and %q: got %v, want %v", rest, name, got, want)
		}
		if !actors.Wild(rest) && got != (rest == name) {
			t.Errorf("%q and %q: got %v without a wildcard", rest, name, got)
		}
	})
}

// matchLevels is actors.MatchTopic in the words of the standard.
func matchLevels(filter, name string) bool {
	if strings.HasPrefix(name, "$") && strings.ContainsAny(filter[:1], "+#") {
		return false
	}
	levels := strings.Split(name, "/")
	for i, level := range strings.Split(filter, "/") {
		switch {
		case level == "#":
			return true
		case i >= len(levels) || level != "+" && level != levels[i]:
			return false
		}
	}
	n := strings.Count(filter, "/") + 1
	return len(levels) == n || strings.HasSuffix(filter, "/#") && len(levels) == n-1
}
