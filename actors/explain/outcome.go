package explain

import (
	"encoding/json"
	"fmt"
	"strconv"

	"reddot/actors"
)

// An Outcome is what came of a message.
type Outcome struct {
	State string `json:"state"`
	Text  string `json:"text"`
}

// Reach says how far back the sources of a Life go.
type Reach struct {
	Journal uint64 `json:"journal"`         // seq of the oldest event from which on there are all
	Since   string `json:"since,omitempty"` // when it happened
	Log     uint64 `json:"log,omitempty"`   // pos of the oldest entry of the broadcast log
}

// AppendJSON appends the life as a JSON object.
func (l *Life) AppendJSON(b []byte, user string, reach Reach) ([]byte, error) {
	out, err := json.Marshal(struct {
		User      string     `json:"user"`
		Message   string     `json:"message"`
		Decisions []Decision `json:"decisions"`
		Outcome   Outcome    `json:"outcome"`
		Reaches   Reach      `json:"reaches"`
	}{user, l.id.String(), l.list, l.Outcome(), reach})
	if err != nil {
		return nil, fmt.Errorf("encode the life of message %s: %w", l.id, err)
	}
	return append(b, out...), nil
}

// AppendBrief appends what came of the message for the user, and by which decision, as a JSON
// object.
func (l *Life) AppendBrief(b []byte, user string) []byte {
	b = actors.AppendString(append(b, `{"user":`...), user)
	what := l.Outcome().State
	d := l.decisive()
	b = append(append(append(b, `,"state":"`...), stateOf(what, d)...), '"')
	if d.At != "" {
		b = append(append(append(b, `,"at":"`...), d.At...), '"')
	}
	if d.Rule != "" {
		b = actors.AppendString(append(b, `,"rule":`...), d.Rule)
	}
	if d.Policy != "" {
		b = actors.AppendString(append(b, `,"policy":`...), d.Policy)
		b = strconv.AppendUint(append(b, `,"version":`...), d.Version, 10)
	}
	return append(b, '}')
}

// stateOf names an outcome as a list of those does whom a message is for.
func stateOf(what string, d *Decision) string {
	switch what {
	case actors.State_UNSEEN.Word():
		return "delivered"
	case digested, closed:
		return "gathered"
	case skipped:
		if d.Rule == "" {
			return actors.NotInAudience
		}
		return filtered
	}
	return what
}

// decisive returns the decision by which the message is where it is; an empty one if it is no
// longer known.
func (l *Life) decisive() *Decision {
	for i := len(l.list) - 1; i >= 0; i-- {
		switch d := &l.list[i]; d.What {
		case edited, delivered, acted:
		default:
			return d
		}
	}
	return &Decision{}
}

// Outcome says what came of the message.
func (l *Life) Outcome() Outcome {
	switch {
	case l.last != nil:
		return Outcome{l.last.What, l.ended(l.last)}
	case l.digest != "":
		return Outcome{digested, "It is an item of the digest " + l.digest + ", which closes at " + actors.TimeText(l.until) + "."}
	case l.waiting:
		return l.waits()
	case l.shown:
		return Outcome{l.state.Word(), l.stands()}
	}
	return Outcome{gone, "Nothing is known of it."}
}

// ended is the sentence of a message that is not in the inbox.
func (l *Life) ended(d *Decision) string {
	switch d.What {
	case filtered:
		return "The user did not get it: " + ruleText(d) + "."
	case skipped:
		if d.Rule != "" {
			return "The user did not get it: " + ruleText(d) + "."
		}
		if d.Value == "" {
			return "It was not for the user."
		}
		return "The user did not get it: " + d.Value + "."
	case digested:
		return "A rule (" + d.Rule + ") made it an item of a digest; what came of that is no longer in the journal."
	case closed:
		if d.Value != "" {
			return "It is in the digest " + d.By + ", which closed at " + d.At + ": " + d.Value + "."
		}
		return "It is in the digest " + d.By + ", which closed at " + d.At + "."
	case retracted:
		return "It was taken back at " + d.At + l.sofar() + "."
	case expired:
		if d.Value != "" {
			return "It expired " + d.Value + ", at " + d.At + "."
		}
		return "It expired at " + d.At + l.sofar() + "."
	case dropped:
		return "It left the inbox at " + d.At + l.sofar() + ": " + d.Value + "."
	case collapsed:
		return "Message " + d.By + ", which has the same collapse key, took its place at " + d.At + l.sofar() + "."
	}
	return "It has left the inbox" + l.sofar() + "; how is no longer in the journal."
}

// sofar tells how far the message had come when it left.
func (l *Life) sofar() string {
	switch {
	case l.wasRead:
		return ", when the user had read it"
	case l.wasSeen:
		return ", when the user had seen it and not read it"
	case l.wasDelivered:
		return ", when a connection had it and the user had not seen it"
	case l.wasShown && l.pos != 0:
		return ", when the user had not seen it"
	case l.wasShown:
		return ", when no connection had it yet"
	}
	return ", before it came into the inbox"
}

// waits is the outcome of a message that the user does not see yet.
func (l *Life) waits() Outcome {
	what := scheduled
	for i := range l.list {
		if w := l.list[i].What; w == held || w == scheduled {
			what = w
		}
	}
	if what == scheduled {
		return Outcome{scheduled, "It is scheduled, and appears at " + actors.TimeText(l.until) + "."}
	}
	text := "It is held until " + actors.TimeText(l.until)
	for i := len(l.list) - 1; i >= 0; i-- {
		if l.list[i].What == held {
			text += ": " + ruleText(&l.list[i])
			break
		}
	}
	return Outcome{held, text + "."}
}

// stands is the sentence of a message in the inbox.
func (l *Life) stands() string {
	switch l.state {
	case actors.State_UNSEEN:
		if !l.wasDelivered && l.pos != 0 {
			return "It is in the inbox. No connection is known to have had it."
		}
		if !l.wasDelivered {
			return "It is in the inbox. No connection has had it yet."
		}
		return "It is in the inbox. A connection" + l.transport() + " had it" + l.when(delivered) + "; the user has not seen it."
	case actors.State_SEEN:
		if l.wasRead {
			return "It is in the inbox. The user had read it, and made it unread" + l.when(unread) + "."
		}
		return "It is in the inbox. The user saw it" + l.when(seen) + ", and has not read it."
	case actors.State_READ:
		return "The user read it" + l.when(read) + "."
	case actors.State_ARCHIVED:
		return "The user archived it" + l.when(archived) + "."
	case actors.State_SNOOZED:
		return "The user snoozed it until " + actors.TimeText(l.until) + "."
	}
	return "It is in the inbox."
}

// when tells when a thing was done last; nothing if no event says it any more.
func (l *Life) when(what string) string {
	for i := len(l.list) - 1; i >= 0; i-- {
		if d := &l.list[i]; d.What == what {
			return " at " + d.At
		}
	}
	return ""
}

// transport tells by which transport the message was delivered.
func (l *Life) transport() string {
	for i := range l.list {
		if d := &l.list[i]; d.What == delivered && d.Transport != "" {
			return " (" + d.Transport + ")"
		}
	}
	return ""
}

// ruleText says which rule has decided, and why.
func ruleText(d *Decision) string {
	text := "the rule " + d.Rule
	if d.Value != "" {
		text += " says: " + d.Value
	} else {
		text += " stopped it"
	}
	if d.Policy != "" {
		text += " (policy " + d.Policy + ", version " + strconv.FormatUint(d.Version, 10) + ")"
	}
	return text
}

// audienceText names whom a broadcast was for.
func audienceText(a *actors.Audience) string {
	switch {
	case a.GetAll():
		return "all"
	case a.GetTopic() != "":
		return "topic " + a.Topic
	case a.GetList() != "":
		return "list " + a.List
	}
	return "segment " + a.GetSegment().GetName() + ", version " + strconv.FormatUint(a.GetSegment().GetVersion(), 10)
}
