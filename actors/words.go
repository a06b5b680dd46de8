package actors

// ruleWords are the names of rules in the API.
var ruleWords = [...]string{"", "expiry", "deny", "subscription", "mute", "review", "keywords", "quiet_hours", "duplicate", "cap", "quota"}

// Word returns the rule's name in the API; empty: no rule.
func (r Rule) Word() string {
	if r < 0 || int(r) >= len(ruleWords) {
		return "unknown"
	}
	return ruleWords[r]
}
