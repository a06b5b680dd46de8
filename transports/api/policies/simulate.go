package policies

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/catalog"
	"reddot/actors/rule"
	"reddot/transports"
	"reddot/transports/api/resource"
	"reddot/transports/api/results"
	"reddot/transports/jsontext"
)

// The bounds of a simulation.
const (
	maxUsers = 100
	maxDays  = 31
)

// simulate is POST /v1/policies/{name}/simulate: what the policy would make of a message to
// some users, or would have made of what came to one in the last days. It writes nothing.
func (s *simulator) simulate(c resource.Call) error {
	body, err := c.ReadBody(0)
	if err != nil {
		return err
	}
	o, err := readOrder(c.Fields(), body)
	if err != nil {
		return err
	}
	policy, err := s.policy(c, o)
	if err != nil {
		return err
	}
	if o.days > 0 {
		return s.rehearse(c, o, policy)
	}
	m, err := c.Message(o.message)
	if err != nil {
		return inMessage(err)
	}
	m.Policy = policy
	out := jsontext.AppendString([]byte(`{"policy":`), policy.Name)
	out = append(strconv.AppendUint(append(out, `,"version":`...), policy.Version, 10), `,"users":[`...)
	outcomes := make([][]byte, len(o.users))
	try := func(int) actors.Command { return &actors.DryRun{Of: &actors.Publish{Message: m.Copy()}} }
	err = resource.AskEach(c, o.users, try, func(i int, r *actors.Request, err error) error {
		switch e := actors.AsError(err); {
		case err == nil:
			outcomes[i] = results.AppendOutcome(nil, &r.Answer)
		case e.Temporary() || e.Code == actors.Internal:
			return err
		default: // a publish would be refused
			outcomes[i] = jsontext.AppendString([]byte(`,"outcome":"filtered","reason":`), e.Detail)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, user := range o.users {
		if i > 0 {
			out = append(out, ',')
		}
		out = jsontext.AppendString(append(out, `{"user":`...), user)
		out = append(append(out, outcomes[i]...), '}')
	}
	c.Reply(fasthttp.StatusOK, append(out, "]}"...))
	return nil
}

// inMessage says of an error that the field is one of the message.
func inMessage(err error) error {
	e := *actors.AsError(err)
	if e.Field != "" {
		e.Field = "message." + e.Field
	}
	return &e
}

// An order is what is to be simulated.
type order struct {
	users   []string
	message []byte // the JSON of one; nil: what has come in the last days
	days    int
	version uint64          // of the policy; 0: the current one
	rules   json.RawMessage // in the place of those that are stored
}

func readOrder(in *transports.FieldReader, body []byte) (o order, err error) {
	user := ""
	err = in.Whole(body, func(name string) (err error) {
		switch name {
		case "users":
			o.users, err = in.WordsField(name, maxUsers, transports.MaxUser)
		case "user":
			user, err = in.WordField(name, transports.MaxUser)
		case "days":
			n, ok := in.Int()
			if !ok || n < 1 || n > maxDays {
				return transports.WrongField(name, "it must be a number from 1 to "+strconv.Itoa(maxDays))
			}
			o.days = int(n)
		case "version":
			n, ok := in.Int()
			if !ok || n < 1 {
				return transports.WrongField(name, "versions are numbered from 1")
			}
			o.version = uint64(n)
		case "message":
			o.message, err = object(in, name)
		case "rules":
			o.rules, err = object(in, name)
		default:
			err = transports.WrongField(transports.ShownField(name), "there is no such field; there are users, message, user, days, version, rules")
		}
		return err
	})
	switch {
	case err != nil:
		return o, err
	case o.version > 0 && o.rules != nil:
		return o, transports.WrongField("version", "rules stand in the place of every version")
	case o.days == 0 && o.message == nil:
		return o, transports.WrongField("message", "it is missing: what would be sent to users; or days, for what has come to a user")
	case o.days > 0 && o.message != nil:
		return o, transports.WrongField("days", "a message is sent now; leave out one of the two")
	case o.days > 0 && (user == "" || o.users != nil):
		return o, transports.WrongField("user", "the last days are those of one user")
	case o.days == 0 && (len(o.users) == 0 || user != ""):
		return o, transports.WrongField("users", "it is missing: to whom the message would be sent")
	}
	if o.days > 0 {
		o.users = []string{user}
	}
	for i, user := range o.users {
		if o.users[i], err = transports.ParseUser(user); err != nil {
			return o, err
		}
	}
	return o, nil
}

// object reads an object as it is written.
func object(in *transports.FieldReader, name string) ([]byte, error) {
	if in.Peek() != '{' {
		return nil, in.NotA(name, "an object")
	}
	raw, ok := in.Raw()
	if !ok {
		return nil, in.Err()
	}
	return append([]byte(nil), raw...), nil
}

// A simulator reads the policies of a catalog.
type simulator struct {
	catalog *catalog.Catalog
	now     func() time.Time // the wall clock
}

// policy returns the one that is to be simulated.
func (s *simulator) policy(c resource.Call, o order) (*actors.Policy, error) {
	name, err := transports.ParseName(c.Param(0))
	if err != nil {
		return nil, err
	}
	if o.rules != nil {
		if _, err := rule.Parse(name, 0, o.rules); err != nil {
			e := *actors.AsError(err)
			if e.Field = "rules." + e.Field; e.Field == "rules." {
				e.Field = "rules"
			}
			return nil, &e
		}
		return &actors.Policy{Name: name, Body: o.rules}, nil
	}
	e, err := s.catalog.Read(c.Deadline(), c.Who().App, name, o.version)
	if err != nil {
		return nil, err
	}
	return &actors.Policy{Name: e.Name, Version: e.Version, Body: e.Body}, nil
}
