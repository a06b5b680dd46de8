package inbox

import (
	"strconv"

	"reddot/actors"
)

// sentence says what an event is, for people.
func sentence(e *actors.Event) string {
	switch e.Kind {
	case actors.Kind_ACCEPTED:
		return acceptedSentence(e)
	case actors.Kind_EDITED:
		return "a message was edited"
	case actors.Kind_RETRACTED:
		return messages(e.Ids) + " taken back"
	case actors.Kind_MARKED:
		if e.State == actors.State_UNSEEN {
			return messages(e.Ids) + " back from a snooze"
		}
		return messages(e.Ids) + " marked: " + e.State.Word()
	case actors.Kind_ACTED:
		return "the user answered a message: " + e.Acted.GetAction()
	case actors.Kind_DUE:
		return "a message that waited was shown"
	case actors.Kind_EXPIRED:
		return messages(e.Ids) + " expired"
	case actors.Kind_DROPPED:
		return messages(e.Ids) + " dropped, for age or for room"
	case actors.Kind_NOTED:
		if e.Seq == 1 {
			return "the user joined"
		}
		return "a request changed nothing; its key is kept"
	case actors.Kind_DELIVERED:
		return "connections have had all up to event " + strconv.FormatUint(e.Upto, 10)
	case actors.Kind_SESSION:
		return "an MQTT session changed"
	case actors.Kind_QUEUED:
		return "a topic's message waits for MQTT sessions"
	case actors.Kind_PROFILE:
		return "what is known of the user changed"
	case actors.Kind_ERASED:
		return "the user was erased"
	case actors.Kind_FILTERED:
		return "the rule " + e.Verdict.Rule.Word() + " stopped a message"
	case actors.Kind_DIGESTED:
		return "a message became an item of the digest " + e.Verdict.Gather
	case actors.Kind_STANDING:
		return standingSentence(e.Standing)
	case actors.Kind_HELD:
		return "the rule " + e.Verdict.GetRule().Word() + " holds a message that was due"
	}
	return ""
}

func acceptedSentence(e *actors.Event) string {
	switch rule := e.Verdict.GetRule(); {
	case e.State == actors.State_SCHEDULED && rule != actors.Rule_PASSED:
		return "the rule " + rule.Word() + " holds a message"
	case e.State == actors.State_SCHEDULED:
		return "a message waits for its time"
	case len(e.Ids) > 0:
		return "a message came in, in the place of another"
	case e.Verdict.GetGather() != "" && e.Verdict.Opens == 0:
		return "the digest " + e.Verdict.Gather + " came in"
	}
	return "a message came in"
}

func standingSentence(s *actors.Standing) string {
	text := "the app denies the user"
	if s.Allow {
		text = "the app allows the user"
	}
	if s.Removed {
		text += " no longer"
	}
	if s.Category != "" {
		text += " messages of category " + s.Category
	}
	return text
}

// messages counts packed ids.
func messages(packed []byte) string {
	if n := len(packed) / len(actors.ID{}); n != 1 {
		return strconv.Itoa(n) + " messages"
	}
	return "a message"
}
