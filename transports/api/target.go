package api

import (
	"fmt"

	"reddot/transports"
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
	s := &d.scan
	if s.peek() != '{' {
		return d.notA("to", `an object such as {"user":"alice"}`)
	}
	s.pos++
	for first := true; ; first = false {
		name, more := s.member(first)
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
	case s.bad != "":
		return s.err()
	case d.to.user == "" && !d.to.many:
		return wrong("to", "it names no target")
	}
	return nil
}

func (d *draft) readTarget(name text) (err error) {
	switch {
	case name.is("user"):
		d.to.user, err = d.user("to.user")
		return err
	case name.is("users"):
		d.to.many = true
		return d.readUsers()
	case name.is("topic") || name.is("segment") || name.is("all"):
		return wrong("to."+name.string(), "this target is not enabled")
	}
	return wrong("to."+shown(name), "there is no such target")
}

// user reads a user's name.
func (d *draft) user(name string) (string, error) {
	t, err := d.text(name, transports.MaxUser)
	if err != nil {
		return "", err
	}
	user, err := transports.ParseUser(t.string())
	if err != nil {
		return "", wrong(name, detail(err))
	}
	return user, nil
}

// readUsers reads an array of names. A name that stands twice counts once.
func (d *draft) readUsers() error {
	s := &d.scan
	if s.peek() != '[' {
		return d.notA("to.users", "an array of user names")
	}
	s.pos++
	seen := make(map[string]struct{}, 16)
	for first := true; s.item(first); first = false {
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
	case s.bad != "":
		return s.err()
	case len(seen) == 0:
		return wrong("to.users", "it is empty")
	}
	return nil
}
