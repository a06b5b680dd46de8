package inbox

import (
	"encoding/hex"
	"strconv"

	"reddot/actors"
)

// EventJSON is a stored event as the operator sees it, without its content.
type EventJSON struct {
	Seq        uint64   `json:"seq"`
	Pos        uint64   `json:"pos,omitempty"`    // up to which the broadcast log was merged before it
	Joined     uint64   `json:"joined,omitempty"` // where that stood when the user joined, with this event
	Rev        uint64   `json:"rev"`
	At         string   `json:"at"`
	Kind       string   `json:"kind"`
	What       string   `json:"what,omitempty"` // for people
	ID         string   `json:"id,omitempty"`
	Category   string   `json:"category,omitempty"` // of its message, as those that follow
	Tenant     string   `json:"tenant,omitempty"`
	Priority   string   `json:"priority,omitempty"`
	IDs        []string `json:"ids,omitempty"`
	State      string   `json:"state,omitempty"`
	Until      string   `json:"until,omitempty"`
	Dropped    []string `json:"dropped,omitempty"`
	Upto       uint64   `json:"upto,omitempty"`
	By         string   `json:"transport,omitempty"`
	Action     string   `json:"action,omitempty"`
	Campaign   string   `json:"campaign,omitempty"` // that has sent its message
	Arm        string   `json:"arm,omitempty"`      // of the campaign
	Followed   []string `json:"followed,omitempty"`
	Unfollowed []string `json:"unfollowed,omitempty"`

	Verdict  *VerdictJSON  `json:"verdict,omitempty"`
	Template *TemplateJSON `json:"template,omitempty"`
	Standing *StandingJSON `json:"standing,omitempty"`
}

// VerdictJSON is what the rules said of a message.
type VerdictJSON struct {
	Rule    string `json:"rule,omitempty"` // that stopped or held it; empty: none did
	Value   string `json:"value,omitempty"`
	Policy  string `json:"policy,omitempty"`
	Version uint64 `json:"version,omitempty"`
	Digest  string `json:"digest,omitempty"` // the key of the digest that it is an item of, or is
	Spent   int    `json:"spent,omitempty"`  // caps that it counts against
}

// TemplateJSON is the version of a template that a message was made of.
type TemplateJSON struct {
	ID      string `json:"id"`
	Version uint64 `json:"version"`
	Hash    string `json:"hash"`
}

// describeTemplate returns what the message was made of; nil: it was written as it is.
func describeTemplate(m *actors.Message) *TemplateJSON {
	if m.GetTemplate() == "" {
		return nil
	}
	return &TemplateJSON{ID: m.Template, Version: m.TemplateVersion, Hash: hex.EncodeToString(m.TemplateHash)}
}

// StandingJSON is what the app says of the user.
type StandingJSON struct {
	Says     string `json:"says"` // deny or allow
	Removed  bool   `json:"removed,omitempty"`
	Category string `json:"category,omitempty"`
	Channel  string `json:"channel,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Until    string `json:"until,omitempty"`
	By       string `json:"by,omitempty"`
}

// describeVerdict returns v for the operator; nil: there is none.
func describeVerdict(v *actors.Verdict) *VerdictJSON {
	if v == nil {
		return nil
	}
	return &VerdictJSON{Rule: v.Rule.Word(), Value: v.Value, Policy: v.Policy, Version: v.Version, Digest: v.Gather, Spent: len(v.Spent)}
}

func describeStanding(s *actors.Standing) *StandingJSON {
	if s == nil {
		return nil
	}
	d := &StandingJSON{Says: "deny", Removed: s.Removed, Category: s.Category, Channel: s.Channel, Reason: s.Reason, By: s.By}
	if s.Allow {
		d.Says = "allow"
	}
	if s.Until != 0 {
		d.Until = actors.TimeText(s.Until)
	}
	return d
}

// Describe returns e for the operator.
func Describe(e *actors.Event) EventJSON {
	d := EventJSON{Seq: e.Seq, Pos: e.Pos, Joined: e.Joined, Rev: e.Rev, At: actors.TimeText(e.At), Kind: kindWord(e.Kind), What: sentence(e), Upto: e.Upto, By: e.Transport, Action: e.Acted.GetAction(),
		Followed: e.Profile.GetFollowed(), Unfollowed: e.Profile.GetUnfollowed(),
		Verdict: describeVerdict(e.Verdict), Template: describeTemplate(e.Message), Standing: describeStanding(e.Standing)}
	actors.EachID(e.Ids, func(id actors.ID) { d.IDs = append(d.IDs, id.String()) })
	actors.EachID(e.Dropped, func(id actors.ID) { d.Dropped = append(d.Dropped, id.String()) })
	if e.Message != nil {
		d.ID = actors.ID(e.Message.Id).String()
		d.Campaign, d.Arm = e.Message.Campaign, e.Message.Arm
		d.Category, d.Tenant, d.Priority = e.Message.Category, e.Message.Tenant, e.Message.Priority.Word()
	}
	if e.Kind == actors.Kind_MARKED || e.Kind == actors.Kind_ACTED || e.Kind == actors.Kind_ACCEPTED {
		d.State = e.State.Word()
	}
	if e.Until != 0 {
		d.Until = actors.TimeText(e.Until)
	}
	return d
}

func kindWord(k actors.Kind) string {
	words := [...]string{"none", "accepted", "edited", "retracted", "marked", "due", "expired", "dropped", "noted", "delivered", "session", "queued", "profile", "erased",
		"filtered", "digested", "standing", "acted", "held"}
	if k < 0 || int(k) >= len(words) {
		return "unknown"
	}
	return words[k]
}

// AppendState appends the inbox's state as a JSON object, without contents.
func (b *Inbox) AppendState(dst []byte) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, b.seq, 10)
	dst = append(dst, `,"counts":`...)
	dst = b.AppendCounts(dst)
	dst = append(dst, `,"messages":[`...)
	for i := range b.entries {
		n := &b.entries[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = n.id.Append(append(dst, `{"id":"`...))
		dst = actors.AppendString(append(dst, `","category":`...), b.categories[n.category].name)
		if t := b.tenantOf(n); t != "" {
			dst = actors.AppendString(append(dst, `,"tenant":`...), t)
		}
		dst = actors.AppendTime(append(dst, `,"accepted_at":`...), n.at)
		dst = append(append(append(dst, `,"state":"`...), n.State.Word()...), '"')
		dst = actors.AppendTimeMember(dst, `,"until":`, n.Until)
		dst = actors.AppendTimeMember(dst, `,"expires_at":`, n.expires)
		if a := b.answers[n.acted]; a != nil {
			dst = actors.AppendString(append(dst, `,"acted":`...), a.Action)
		}
		dst = append(dst, '}')
	}
	return append(b.Sessions.AppendJSON(append(dst, ']')), '}')
}
