package policies

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/actors/rule"
	"reddot/transports/api/resource"
	"reddot/transports/api/userjson"
)

// The bounds of what is read of a user's journal.
const (
	eventsPage = 200
	maxEvents  = 20_000
	maxShown   = 1000 // messages in the answer, the last ones
)

// rehearse answers with what the policy would have made of what came to a user in the last
// days, as far as the journal goes back.
func (s *simulator) rehearse(c resource.Call, o order, policy *actors.Policy) error {
	p, err := rule.Parse(policy.Name, policy.Version, policy.Body)
	if err != nil {
		return err
	}
	now := s.now()
	user, from := o.users[0], now.AddDate(0, 0, -o.days)
	who, standings, err := known(c, user)
	if err != nil {
		return err
	}
	h, err := readPast(c, user, from.UnixMilli(), now.UnixMilli())
	if err != nil {
		return err
	}
	a := rehearsed{Policy: policy.Name, Version: policy.Version, User: user, Since: from.UTC().Truncate(time.Second), Was: map[string]int{}, Would: map[string]int{}, Messages: []rehearsedMessage{}}
	for _, out := range p.Rehearse(h.past, who, standings, now.UnixMilli()) {
		m := rehearsedMessage{
			ID: out.Past.ID.String(), At: actors.TimeText(out.Past.At), Category: out.Past.Category, Tenant: out.Past.Tenant,
			Was: h.was[out.Past.ID.String()], Would: out.Word(), Rule: out.Rule.Word(), Value: out.Value,
		}
		if out.Held {
			m.Until = actors.TimeText(out.At)
		}
		a.Was[m.Was]++
		a.Would[m.Would]++
		a.Messages = append(a.Messages, m)
	}
	if n := len(a.Messages) - maxShown; n > 0 {
		a.Messages = a.Messages[n:]
	}
	return c.Encode(fasthttp.StatusOK, a)
}

// rehearsed is the answer.
type rehearsed struct {
	Policy   string             `json:"policy"`
	Version  uint64             `json:"version"`
	User     string             `json:"user"`
	Since    time.Time          `json:"since"`
	Was      map[string]int     `json:"was"` // messages by what has become of them
	Would    map[string]int     `json:"would"`
	Messages []rehearsedMessage `json:"messages"`
}

type rehearsedMessage struct {
	ID       string `json:"id"`
	At       string `json:"at"`
	Category string `json:"category"`
	Tenant   string `json:"tenant,omitempty"`
	Was      string `json:"was"`
	Would    string `json:"would"`
	Rule     string `json:"rule,omitempty"`
	Value    string `json:"value,omitempty"`
	Until    string `json:"until,omitempty"` // it would have waited
}

// known returns what is known of a user, and what the app says of it.
func known(c resource.Call, user string) (*profile.State, *rule.State, error) {
	part := func(part actors.ProfilePart) ([]byte, error) {
		r, err := c.Ask(user, &actors.ReadProfile{Part: part}, actors.Once{})
		if err != nil {
			return nil, err
		}
		body := append([]byte(nil), r.Answer.Body...)
		r.Release()
		return body, nil
	}
	var in userjson.Reader
	change := &actors.ProfileChange{}
	body, err := part(actors.PartProfile)
	if err != nil {
		return nil, nil, err
	}
	set, err := in.Profile(body, false)
	if err != nil {
		return nil, nil, fmt.Errorf("the profile of a user: %w", err)
	}
	change.Profile = set.Profile
	if body, err = part(actors.PartPreferences); err != nil {
		return nil, nil, err
	}
	if change.Preferences, err = in.Preferences(body); err != nil {
		return nil, nil, fmt.Errorf("the preferences of a user: %w", err)
	}
	who := &profile.State{}
	who.Apply(&actors.Event{Kind: actors.Kind_PROFILE, Seq: 1, Profile: change})
	if body, err = part(actors.PartStandings); err != nil {
		return nil, nil, err
	}
	standings, err := readStandings(body)
	return who, standings, err
}

// readStandings reads what an app says of a user, as the user's actor shows it.
func readStandings(body []byte) (*rule.State, error) {
	var sides struct{ Deny, Allow []standing }
	if err := json.Unmarshal(body, &sides); err != nil {
		return nil, fmt.Errorf("what is said of a user: %w", err)
	}
	s := &rule.State{}
	for allow, list := range map[bool][]standing{false: sides.Deny, true: sides.Allow} {
		for _, e := range list {
			entry := &actors.Standing{Allow: allow, Category: e.Category, Channel: e.Channel, Reason: e.Reason}
			if !e.Until.IsZero() {
				entry.Until = e.Until.UnixMilli()
			}
			s.Apply(&actors.Event{Kind: actors.Kind_STANDING, Standing: entry})
		}
	}
	return s, nil
}

type standing struct {
	Category, Channel, Reason string
	Until                     time.Time
}

// A history is what has come to a user.
type history struct {
	past    []rule.Past
	was     map[string]string // by the messages' ids
	planned map[string]*event // those whose time has not come
}

// event is a part of what the journal shows of one.
type event struct {
	Seq      uint64
	At       time.Time
	Kind     string
	ID       string
	IDs      []string
	State    string
	Category string
	Tenant   string
	Priority string
	Verdict  struct{ Rule, Policy, Digest string }
}

// readPast reads what came to a user from one time to another.
func readPast(c resource.Call, user string, from, to int64) (*history, error) {
	h := &history{was: map[string]string{}, planned: map[string]*event{}}
	after := uint64(0)
	for range maxEvents / eventsPage {
		r, err := c.Ask(user, &actors.JournalPage{After: after, Limit: eventsPage}, actors.Once{})
		if err != nil {
			return nil, err
		}
		var page struct {
			Events []event
			Next   string
		}
		err = json.Unmarshal(r.Answer.Body, &page)
		r.Release()
		if err != nil {
			return nil, fmt.Errorf("the journal of a user: %w", err)
		}
		for i := range page.Events {
			h.take(&page.Events[i], from, to)
		}
		if page.Next == "" {
			break
		}
		if after, err = strconv.ParseUint(page.Next, 10, 64); err != nil {
			return nil, fmt.Errorf("the journal of a user: %w", err)
		}
	}
	return h, nil
}

// take takes in an event.
func (h *history) take(e *event, from, to int64) {
	if e.ID == "" && len(e.IDs) > 0 {
		e.ID = e.IDs[0]
	}
	switch e.Kind {
	case "accepted":
		switch {
		case e.Verdict.Digest != "" && e.Verdict.Policy == "": // it is a digest
		case e.State != "scheduled":
			h.came(e, e.At, from, to, "delivered")
		case e.Verdict.Rule != "":
			h.came(e, e.At, from, to, "held")
		default:
			h.planned[e.ID] = e
		}
	case "filtered":
		h.due(e, from, to, "filtered")
	case "digested":
		h.due(e, from, to, "digest")
	case "due":
		h.due(e, from, to, "delivered")
	case "held":
		h.due(e, from, to, "held")
	}
}

// due takes in what becomes of a message, which has waited or is new.
func (h *history) due(e *event, from, to int64, was string) {
	if planned := h.planned[e.ID]; planned != nil {
		delete(h.planned, e.ID)
		h.came(planned, e.At, from, to, was)
		return
	}
	if e.Category != "" {
		h.came(e, e.At, from, to, was)
	}
	if _, ok := h.was[e.ID]; ok {
		h.was[e.ID] = was
	}
}

// came takes in a message, once.
func (h *history) came(e *event, when time.Time, from, to int64, was string) {
	at := when.UnixMilli()
	id, err := actors.ParseID(e.ID)
	if _, ok := h.was[e.ID]; ok || err != nil || at < from || at > to {
		return
	}
	h.was[e.ID] = was
	priority, _ := actors.ParsePriority(e.Priority)
	h.past = append(h.past, rule.Past{ID: id, At: at, Candidate: rule.Candidate{Category: e.Category, Tenant: e.Tenant, Channel: "inapp", Priority: priority}})
}
