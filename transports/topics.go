package transports

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"reddot/actors"
)

// The longest topic that is published to, and the longest filter, over HTTP, SSE
// and WebSocket, in bytes, and the most levels that they may have. MQTT has
// settings of its own, of which these are the defaults. A topic may be deeper than
// a filter: each level of a filter costs whoever looks for it.
const (
	MaxTopic        = 1024
	MaxTopicLevels  = 128
	MaxFilter       = 512
	MaxFilterLevels = 16
)

// CheckTopic returns nil if a message may be published to a topic of this name,
// or an actors.Error with Invalid.
func CheckTopic(topic string) error {
	if err := checkLevels("topic", topic, MaxTopic, MaxTopicLevels); err != nil {
		return err
	}
	if strings.ContainsAny(topic, "+#") {
		return WrongTopic("a topic has no + and no #, which are for filters")
	}
	return nil
}

// CheckFilter is CheckTopic for what is subscribed to, its share included: a
// wildcard is a whole level, and # the last.
func CheckFilter(filter string) error {
	if err := checkLevels("filter", filter, MaxFilter, MaxFilterLevels); err != nil {
		return err
	}
	group, rest, shared := actors.SplitShare(filter)
	switch {
	case shared && (group == "" || rest == "" || strings.ContainsAny(group, "+#")), !shared && strings.HasPrefix(filter, "$share/"):
		return WrongTopic("a shared subscription is $share/{group}/{filter}")
	case rest == "":
		return WrongTopic("the filter is empty")
	}
	for level, more := "", true; more; {
		level, rest, more = strings.Cut(rest, "/")
		switch {
		case level == "#" && more:
			return WrongTopic("# is the last level of a filter")
		case len(level) > 1 && strings.ContainsAny(level, "+#"):
			return WrongTopic("+ and # are whole levels of a filter")
		}
	}
	return nil
}

func checkLevels(what, name string, size, levels int) error {
	switch {
	case name == "" || len(name) > size:
		return WrongTopic(fmt.Sprintf("a %s has 1 to %d bytes; this one has %d", what, size, len(name)))
	case strings.Count(name, "/") >= levels:
		return WrongTopic(fmt.Sprintf("a %s has at most %d levels", what, levels))
	case !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0:
		return WrongTopic(fmt.Sprintf("a %s is UTF-8 text without NUL", what))
	}
	return nil
}

// WrongTopic answers for a topic or a filter that is none.
func WrongTopic(detail string) error {
	return &actors.Error{Code: actors.Invalid, Field: "topic", Detail: detail}
}

// FullTopic returns a topic or a filter as everybody knows it: users/me/ stands
// for the user's own.
func FullTopic(topic, user string) string {
	group, rest, shared := actors.SplitShare(topic)
	own, ok := strings.CutPrefix(rest, UsersTopics+Me+"/")
	if !ok {
		return topic
	}
	topic = UsersTopics + user + "/" + own
	if shared {
		topic = "$share/" + group + "/" + topic
	}
	return topic
}

// covers tells whether every topic that a filter matches is matched by a
// pattern of a token.
func covers(pattern, filter string) bool {
	if (pattern[0] == '#' || pattern[0] == '+') && (filter[0] == '$' || strings.HasPrefix(filter, UsersTopics)) {
		return false
	}
	for {
		p, ps, pMore := strings.Cut(pattern, "/")
		f, fs, fMore := strings.Cut(filter, "/")
		switch {
		case p == "#":
			return true
		case f == "#", p != "+" && p != f:
			return false
		case !pMore && !fMore:
			return true
		case !fMore:
			return ps == "#"
		case !pMore:
			return false
		}
		pattern, filter = ps, fs
	}
}

// OwnTopic returns what follows users/{user}/ in a topic or a filter, for the user
// and for what stands for him.
func OwnTopic(topic, user string) (rest string, me, ok bool) {
	rest, ok = strings.CutPrefix(topic, UsersTopics)
	if !ok {
		return "", false, false
	}
	name, rest, more := strings.Cut(rest, "/")
	if !more || name != user && name != Me {
		return "", false, false
	}
	return rest, name == Me, true
}

// InboxTopics are the topics of a user's inbox, behind users/{user}/.
var InboxTopics = [...]string{"messages", "counts", "events"}

// UsersTopics begins the topics of users. Wildcards at the first level do not
// match it.
const UsersTopics = "users/"

// UnmarshalJSON takes the lists by their exact names, as claims are.
func (t *Topics) UnmarshalJSON(b []byte) error {
	return UnmarshalExactly(b, []Member{{"read", &t.Read}, {"write", &t.Write}})
}

// Check refuses what would cost too much to match at each publish.
func (t Topics) Check() error {
	for _, list := range [][]string{t.Read, t.Write} {
		if len(list) > MaxTopics {
			return Unauthorizedf("the token's claim topics has more than %d patterns", MaxTopics)
		}
		for _, pattern := range list {
			if pattern == "" || len(pattern) > MaxPattern {
				return Unauthorizedf("a pattern in the token's claim topics has 1 to %d bytes", MaxPattern)
			}
		}
	}
	return nil
}

// A Member is what a value of an object is read into.
type Member struct {
	Name string
	Into any
}

// UnmarshalExactly reads the members of an object by their exact names.
func UnmarshalExactly(b []byte, members []Member) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for _, m := range members {
		raw, ok := all[m.Name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, m.Into); err != nil {
			return fmt.Errorf("claim %s: %w", m.Name, err)
		}
	}
	return nil
}

// The bounds of the claim topics: patterns in each list, and the bytes of one.
const (
	MaxTopics  = 64
	MaxPattern = 512
)
