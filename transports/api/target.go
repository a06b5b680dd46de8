package api

import (
	"fmt"

	"reddot/transports"
	"reddot/transports/jsontext"
)

// A target says whom a message is for: the value of "to".
type target struct {
	user  string
	users []string // each once, in the order of the request; its memory is used again
	many  bool     // users was given
}

// readTo reads {"user":…} or {"users":[…]}. The targets beyond one app's named
// users are known, and not enabled.
func (d *draft) readTo() error {
	s := &d.in.Scanner
	if !s.Open('{') {
		return d.in.NotA("to", `an object such as {"user":"alice"}`)
	}
	for first := true; ; first = false {
		name, more := s.Member(first)
		if !more {
			break
		}
		if !first {
			return wrong("to", "it must name one target alone")
		}
		if err := d.readTarget(name); err != nil {
			return err
		}
	}
	switch {
	case s.Bad():
		return s.Err()
	case d.to.user == "" && !d.to.many:
		return wrong("to", "it names no target")
	}
	return nil
}

func (d *draft) readTarget(name jsontext.Text) (err error) {
	switch {
	case name.Is("user"):
		d.to.user, err = d.user("to.user")
		return err
	case name.Is("users"):
		d.to.many = true
		return d.readUsers()
	case name.Is("topic") || name.Is("segment") || name.Is("all"):
		return wrong("to."+name.String(), "this target is not enabled")
	}
	return wrong("to."+shown(name), "there is no such target")
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
