package packet

import "unicode/utf8"

// Text is a topic as it is at hand.
type Text interface{ ~string | ~[]byte }

// share begins the filter of a shared subscription.
const share = "$share/"

// ValidFilter tells whether a session can subscribe to this filter, the one of
// a shared subscription included (MQTT 5, 4.7 and 4.8.2). 3.1.1 has no shared
// subscriptions; the prefix is held to mean the same there.
func ValidFilter(filter string) bool { return validText(filter) && filterFault(filter) == "" }

// splitShare splits the filter of a shared subscription, "$share/{group}/{rest}",
// in two. ok is false, and rest the whole filter, if it is none.
func splitShare[T Text](filter T) (group, rest T, ok bool) {
	if !shared(filter) {
		return group, filter, false
	}
	for i := len(share); i < len(filter); i++ {
		if filter[i] == '/' {
			return filter[len(share):i], filter[i+1:], true
		}
	}
	return group, filter, false
}

func shared[T Text](filter T) bool {
	if len(filter) < len(share) {
		return false
	}
	for i := range len(share) {
		if filter[i] != share[i] {
			return false
		}
	}
	return true
}

func validText(s string) bool {
	if len(s) > MaxString || !utf8.ValidString(s) { // [MQTT-4.7.3-3] [MQTT-1.5.4-1]
		return false
	}
	for i := range len(s) {
		if s[i] == 0 { // [MQTT-4.7.3-2]
			return false
		}
	}
	return true
}

// checkName refuses what is no topic name: ill text as malformed, the rest with
// the reason.
func checkName(r Reason, field string, name []byte) error {
	if err := checkText(field, name); err != nil {
		return err
	}
	if fault := nameFault(name); fault != "" {
		return refuse(r, "%s %s", field, fault)
	}
	return nil
}

// checkFilter refuses what is no topic filter. Topic Filter Invalid says of a
// filter that it is one (MQTT 5, 3.9.3 and 3.14.2.1).
func checkFilter(filter []byte) error {
	if err := checkText("a topic filter", filter); err != nil { // [MQTT-3.8.3-1] [MQTT-3.10.2-1]
		return err
	}
	if fault := filterFault(filter); fault != "" {
		return malformed("a topic filter %s", fault)
	}
	return nil
}

// nameFault returns what is wrong with a name, "" if nothing is.
func nameFault[T Text](name T) string {
	if len(name) == 0 {
		return "is empty" // [MQTT-4.7.3-1]
	}
	for i := range len(name) {
		if name[i] == '+' || name[i] == '#' { // [MQTT-4.7.0-1] [MQTT-3.3.2-2]; 3.1.1: [MQTT-4.7.1-1]
			return "contains a wildcard"
		}
	}
	return ""
}

// filterFault returns what is wrong with a filter, "" if nothing is.
func filterFault[T Text](filter T) string {
	if shared(filter) {
		group, rest, ok := splitShare(filter)
		if !ok || len(group) == 0 || len(rest) == 0 { // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
			return "begins with $share/ and lacks the share's name or the filter"
		}
		if nameFault(group) != "" { // [MQTT-4.8.2-2]
			return "has a wildcard in the share's name"
		}
		filter = rest
	}
	if len(filter) == 0 {
		return "is empty" // [MQTT-4.7.3-1]
	}
	last := len(filter) - 1
	for i := range len(filter) {
		begins := i == 0 || filter[i-1] == '/'
		switch filter[i] {
		case '#': // [MQTT-4.7.1-1]; 3.1.1: [MQTT-4.7.1-2]
			if !begins || i < last {
				return "has a # that is not its whole last level"
			}
		case '+': // [MQTT-4.7.1-2]; 3.1.1: [MQTT-4.7.1-3]
			if !begins || i < last && filter[i+1] != '/' {
				return "has a + that is not a whole level"
			}
		}
	}
	return ""
}
