package rule

import (
	"time"

	"reddot/actors"
)

// What people read.

// shownTime returns a time in unix milliseconds as RFC 3339 has it.
func shownTime(at int64) string { return time.UnixMilli(at).UTC().Format(time.RFC3339) }

// shownClock returns a time of the day, in minutes, as HH:MM.
func shownClock(minutes int) string {
	h, m := byte(minutes/60), byte(minutes%60)
	return string([]byte{'0' + h/10, '0' + h%10, ':', '0' + m/10, '0' + m%10})
}

// standingText says what the app says of a user.
func standingText(s *actors.Standing) string {
	text := "denied"
	if s.Category != "" {
		text += " for category " + s.Category
	}
	if s.Channel != "" {
		text += " by " + s.Channel
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}
