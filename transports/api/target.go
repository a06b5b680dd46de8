package api

import (
	"encoding/json"
	"fmt"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/jsontext"
)

// A target says whom a message is for: the value of "to".
type target struct {
	user  string
	users []string // each once, in the order of the request; its memory is used again
	many  bool     // users was given

	audience *actors.Audience // not nil: it is a broadcast
}

// isOne tells whether the message is for one user.
func (t *target) isOne() bool { return !t.many && t.audience == nil }

// recipients returns how many users were named; 0: nobody counts those of a broadcast.
func (t *target) recipients() int {
	switch {
	case t.audience != nil:
		return 0
	case t.many:
		return len(t.users)
	}
	return 1
}

// readTo reads {"user":…}, {"users":[…]}, {"topic":…}, {"segment":…}, {"list":…} or
// {"all":true}, the last four with a "since" if there is one.
func (d *draft) readTo() error {
	s := &d.in.Scanner
	if !s.Open('{') {
		return d.in.NotA("to", `an object such as {"user":"alice"}`)
	}
	since := ""
	for first, named := true, false; ; first = false {
		name, more := s.Member(first)
		if !more {
			break
		}
		var err error
		switch {
		case name.Is("since") && since != "":
			err = transports.TwiceField("to.since")
		case name.Is("since"):
			since, err = d.readSince()
		case named:
			err = wrong("to", "it must name one target alone")
		default:
			named, err = true, d.readTarget(name)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case s.Bad():
		return s.Err()
	case d.to.user == "" && !d.to.many && d.to.audience == nil:
		return wrong("to", "it names no target")
	case since != "" && d.to.audience == nil:
		return wrong("to.since", "it goes with all, topic, segment and list alone: a user who is named gets the message in any case")
	case since == sincePublish:
		d.to.audience.Newcomers = true
	}
	return nil
}

// Since when somebody must have been a user to be in the audience of a broadcast.
const (
	sinceJoin    = "join"    // before it: each user begins with what comes then
	sincePublish = "publish" // also later: the message waits for those who join
)

func (d *draft) readSince() (string, error) {
	since, err := d.in.WordField("to.since", len(sincePublish))
	if err == nil && since != sinceJoin && since != sincePublish {
		err = wrong("to.since", "it must be "+sinceJoin+" or "+sincePublish)
	}
	return since, err
}

func (d *draft) readTarget(name jsontext.Text) (err error) {
	switch {
	case name.Is("user"):
		d.to.user, err = d.user("to.user")
		return err
	case name.Is("users"):
		d.to.many = true
		return d.readUsers()
	case name.Is("all"):
		if !d.in.Word("true") {
			return d.in.NotA("to.all", "true")
		}
		d.to.audience = &actors.Audience{All: true}
		return nil
	case name.Is("topic"):
		d.to.audience, err = d.followers()
		return err
	case name.Is("segment"):
		segment, err := d.named("to.segment")
		d.to.audience = &actors.Audience{Segment: &actors.Segment{Name: segment}} // pin says which version
		return err
	case name.Is("list"):
		list, err := d.named("to.list")
		d.to.audience = &actors.Audience{List: list}
		return err
	}
	return wrong("to."+shown(name), "there is no such target")
}

// followers reads a topic, for those who follow it.
func (d *draft) followers() (*actors.Audience, error) {
	t, err := d.in.TextField("to.topic", transports.MaxTopic)
	if err != nil {
		return nil, err
	}
	topic := t.String()
	if err := transports.CheckTopic(topic); err != nil {
		return nil, wrong("to.topic", detail(err))
	}
	if topic[0] == '$' {
		return nil, wrong("to.topic", "nobody follows a topic that begins with $")
	}
	return &actors.Audience{Topic: topic}, nil
}

// named reads the name of something that the app has.
func (d *draft) named(field string) (string, error) {
	t, err := d.in.TextField(field, transports.MaxUser)
	if err != nil {
		return "", err
	}
	name, err := transports.ParseName(t.String())
	if err != nil {
		return "", wrong(field, detail(err))
	}
	return name, nil
}

// pin lets a message for a segment be for the version that there is now. The repeat of one
// that was sent is answered also when the segment is gone.
func (a *API) pin(app string, t *target, once actors.Once) error {
	s := t.audience.GetSegment()
	if s == nil {
		return nil
	}
	e, err := a.deps.Segments.Read(a.deadlines.Next(), app, s.Name, 0)
	if err != nil {
		if actors.AsError(err).Code == actors.NotFound {
			if s.Version, s.Where = 1, nobody; a.isRepeat(actors.LogKey(app), t.audience, once) {
				return nil
			}
			return &actors.Error{Code: actors.NotFound, Field: "to.segment", Detail: "there is no segment " + s.Name}
		}
		return err
	}
	var body segmentBody
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return fmt.Errorf("segment %s: %w", s.Name, err)
	}
	s.Version, s.Where = e.Version, body.Where
	return nil
}

// nobody is an expression that matches nobody.
const nobody = "now < now"

// isRepeat tells whether the app's broadcast log knows the caller's key.
func (a *API) isRepeat(log actors.Key, to *actors.Audience, once actors.Once) bool {
	id := actors.NewID()
	m := &actors.Message{Id: id[:], Category: actors.DefaultCategory}
	return a.knows(log, &actors.Broadcast{Message: m, Audience: to}, once)
}

// user reads a user's name.
func (d *draft) user(name string) (string, error) {
	t, err := d.in.TextField(name, transports.MaxUser)
	if err != nil {
		return "", err
	}
	user, err := transports.ParseUser(t.String())
	if err != nil {
		return "", wrong(name, detail(err))
	}
	return user, nil
}

// readUsers reads an array of names. A name that stands twice counts once.
func (d *draft) readUsers() error {
	s := &d.in.Scanner
	if !s.Open('[') {
		return d.in.NotA("to.users", "an array of user names")
	}
	seen := make(map[string]struct{}, 16)
	for first := true; s.Item(first); first = false {
		user, err := d.user("to.users")
		if err != nil {
			return err
		}
		if _, twice := seen[user]; twice {
			continue
		}
		if len(seen) == d.lim.Users {
			return wrong("to.users", fmt.Sprintf("at most %d users fit in one send", d.lim.Users))
		}
		seen[user] = struct{}{}
		d.to.users = append(d.to.users, user)
	}
	switch {
	case s.Bad():
		return s.Err()
	case len(seen) == 0:
		return wrong("to.users", "it is empty")
	}
	return nil
}
