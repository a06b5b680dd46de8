package why

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// The bounds of one page of recipients: behind them it ends with a next.
const (
	maxAsked = 2000 // users
	maxTime  = 2 * time.Second
)

// states are what can have come of a message for one user.
var states = []string{
	"delivered", "seen", "read", "archived", "snoozed", "scheduled", "held", "gathered", "filtered", "retracted", "expired", "dropped", "collapsed",
	"gone", pending, heldOut, actors.NotInAudience,
}

// States that are not the users' to say.
const (
	pending = "pending"  // a send has not come to the user yet
	heldOut = "held_out" // of a campaign
	gone    = "gone"     // the user's journal knows nothing of it, or not any more
)

// A source says for whom a message is: a page behind after.
type source func(c resource.Call, after string, limit int) (*actors.RecipientPage, error)

// ofMessage is GET /v1/messages/{id}/recipients.
func (w *why) ofMessage(c resource.Call) error {
	id, err := actors.ParseID(c.Param(0))
	if err != nil {
		return transports.WrongField("id", "a message's id looks like 01980e2b-6b3c-7c1e-a4b0-0123456789ab")
	}
	key, err := w.owner(c, id)
	if err != nil {
		return err
	}
	unknown := gone
	var from source
	switch key.Kind() {
	case actors.KindUser:
		from = func(resource.Call, string, int) (*actors.RecipientPage, error) {
			return &actors.RecipientPage{List: []actors.Recipient{{User: key.Name()}}}, nil
		}
	case actors.KindSend:
		from = w.asking(key, actors.Recipients{Message: id})
	case actors.KindCampaign:
		from, unknown = w.asking(key, actors.Recipients{Message: id}), actors.NotInAudience
	default: // whoever it was broadcast to
		from, unknown = w.everybody, actors.NotInAudience
	}
	return list(c, from, id, unknown, false)
}

// ofCampaign is GET /v1/campaigns/{id}/recipients.
func (w *why) ofCampaign(c resource.Call) error {
	name, err := transports.ParseName(c.Param(0))
	if err != nil {
		return err
	}
	q := actors.Recipients{Arm: string(c.HTTP().QueryArgs().Peek("arm"))}
	if q.Round, err = round(c); err != nil {
		return err
	}
	return list(c, w.asking(actors.CampaignKey(c.Who().App, name), q), actors.ID{}, actors.NotInAudience, true)
}

// round reads ?round=; 0: there is none.
func round(c resource.Call) (uint32, error) {
	if len(c.HTTP().QueryArgs().Peek("round")) == 0 {
		return 0, nil
	}
	n, err := c.Number("round")
	if err == nil && (n == 0 || n > math.MaxUint32) {
		err = transports.WrongField("round", "rounds are numbered from 1")
	}
	return uint32(n), err
}

// owner returns the actor that answers for a message of the caller's app.
func (w *why) owner(c resource.Call, id actors.ID) (actors.Key, error) {
	key, err := w.Lookup.Owner(c.Deadline(), id)
	if err != nil {
		return "", err
	}
	if key.Kind() == 0 || key.App() != c.Who().App {
		return "", actors.Errorf(actors.NotFound, "there is no such message")
	}
	return key, nil
}

// everybody are all users of the app.
func (w *why) everybody(c resource.Call, after string, limit int) (*actors.RecipientPage, error) {
	users, next, err := w.Finder.Page(c.Deadline(), c.Who().App, &actors.Audience{All: true}, 0, after, limit)
	if err != nil {
		return nil, err
	}
	p := &actors.RecipientPage{Next: next}
	for _, user := range users {
		p.List = append(p.List, actors.Recipient{User: user})
	}
	return p, nil
}

// asking asks a send or a campaign.
func (w *why) asking(key actors.Key, q actors.Recipients) source {
	return func(c resource.Call, after string, limit int) (*actors.RecipientPage, error) {
		ask := q
		ask.After, ask.Limit = after, limit
		return w.page(c, key, &ask)
	}
}

// page asks for a page.
func (w *why) page(c resource.Call, key actors.Key, q *actors.Recipients) (*actors.RecipientPage, error) {
	r := actors.NewRequest(key, q)
	if err := w.Router.Ask(c.Deadline(), r); err != nil {
		return nil, err
	}
	defer r.Release()
	p := &actors.RecipientPage{}
	if err := json.Unmarshal(r.Answer.Body, p); err != nil {
		return nil, fmt.Errorf("those whom %s is for: %w", key, err)
	}
	return p, nil
}

// list answers with a page of what came of a message for each user whom it is for. unknown is
// the state of one who knows nothing of it.
func list(c resource.Call, from source, id actors.ID, unknown string, arms bool) error {
	limit, err := c.Limit()
	if err != nil {
		return err
	}
	wanted := string(c.HTTP().QueryArgs().Peek("state"))
	if wanted != "" && !slices.Contains(states, wanted) {
		return transports.WrongField("state", "want "+strings.Join(states[:len(states)-1], ", ")+" or "+states[len(states)-1])
	}
	b, n := []byte(`{"recipients":[`), 0
	next := string(c.HTTP().QueryArgs().Peek("next"))
	end := time.Now().Add(maxTime)
	for asked := 0; ; {
		p, err := from(c, next, limit-n)
		if err != nil {
			return err
		}
		fates, err := fatesOf(c, p.List, id, unknown)
		if err != nil {
			return err
		}
		for i := range fates {
			if f := &fates[i]; f.state != wanted && (wanted != "" || f.state == actors.NotInAudience) {
				continue
			}
			if n++; n > 1 {
				b = append(b, ',')
			}
			b = fates[i].appendTo(b, &p.List[i], arms)
		}
		next, asked = p.Next, asked+max(len(p.List), 1)
		if next == "" || n > limit/2 || asked >= maxAsked || time.Now().After(end) {
			break
		}
	}
	b = append(b, ']')
	if next != "" {
		b = actors.AppendString(append(b, `,"next":`...), next)
	}
	c.Reply(fasthttp.StatusOK, append(b, '}'))
	return nil
}

// A fate is what came of a message for one user.
type fate struct {
	state string
	json  []byte // of the user's actor; nil: it knows nothing
}

// fatesOf asks each user of a page.
func fatesOf(c resource.Call, list []actors.Recipient, id actors.ID, unknown string) ([]fate, error) {
	fates, users, at := make([]fate, len(list)), make([]string, 0, len(list)), make([]int, 0, len(list))
	commands := make([]actors.Command, 0, len(list))
	for i := range list {
		of := id
		switch r := &list[i]; {
		case r.HeldOut:
			fates[i].state = heldOut
			continue
		case r.Message != "":
			var err error
			if of, err = actors.ParseID(r.Message); err != nil {
				return nil, fmt.Errorf("the message of %s: %w", r.User, err)
			}
		}
		users, at, commands = append(users, list[i].User), append(at, i), append(commands, &actors.Explain{ID: of, Brief: true})
	}
	err := resource.AskEach(c, users, func(i int) actors.Command { return commands[i] }, func(i int, r *actors.Request, err error) error {
		f := &fates[at[i]]
		switch {
		case err == nil:
			f.json = append([]byte(nil), r.Answer.Body...)
			var said struct {
				State string `json:"state"`
			}
			err = json.Unmarshal(f.json, &said)
			f.state = said.State
			return err
		case actors.AsError(err).Code != actors.NotFound:
			return err
		}
		if f.state = unknown; list[at[i]].Pending {
			f.state = pending
		}
		return nil
	})
	return fates, err
}

// appendTo appends an entry of the list. arms: the arm is said.
func (f *fate) appendTo(b []byte, r *actors.Recipient, arms bool) []byte {
	if f.json != nil {
		b = append(b, f.json[:len(f.json)-1]...)
	} else {
		b = actors.AppendString(append(b, `{"user":`...), r.User)
		b = append(append(append(b, `,"state":"`...), f.state...), '"')
	}
	if arms && !r.HeldOut {
		b = actors.AppendString(append(b, `,"arm":`...), r.Arm)
		b = append(append(append(b, `,"message":"`...), r.Message...), '"')
	}
	return append(b, '}')
}
