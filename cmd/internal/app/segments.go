package app

import "reddot/actors/audience"

// CheckSegment returns what is wrong with the expression of a segment.
func CheckSegment(where string) error {
	_, err := audience.Check(where)
	return plain(err)
}
