package app

import "reddot/actors/rule"

// CheckPolicy returns what is wrong with a policy.
func CheckPolicy(body []byte) error {
	_, err := rule.Parse("", 0, body)
	return plain(err)
}
