package userjson

import (
	"fmt"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/transports"
)

// channel reads the addresses of a channel.
func (p *profileReader) channel(name string) error {
	field := transports.ShownField("addresses." + name)
	if p.null("addresses." + name) {
		return nil
	}
	s := &p.Scanner
	if !s.Open('[') {
		return p.NotA(field, "an array of objects")
	}
	n := 0
	for first := true; s.Item(first); first = false {
		a := &actors.Address{Channel: name}
		if err := p.Object(field, func(member string) error { return p.addressMember(field, member, a) }); err != nil {
			return err
		}
		if n++; n > profile.MaxAddresses {
			return transports.WrongField(field, fmt.Sprintf("there are at most %d", profile.MaxAddresses))
		}
		p.set.Addresses = append(p.set.Addresses, a)
	}
	if s.Bad() {
		return s.Err()
	}
	if n == 0 {
		p.removed = append(p.removed, "addresses."+name)
	}
	return nil
}

// addressMember reads a member of an address.
func (p *profileReader) addressMember(field, name string, a *actors.Address) (err error) {
	c := profile.ChannelOf(a.Channel)
	switch {
	case c == nil:
		return p.NotA(field, "of a channel that there is") // the check says which there are
	case name == c.Address:
		a.Address, err = p.WordField(field+"."+name, profile.MaxAddress)
	case name == c.Account && name != "":
		a.Account, err = p.WordField(field+"."+name, profile.MaxAccount)
	case name == "keys" && c.Keys:
		err = p.Object(field+".keys", func(key string) (err error) {
			switch key {
			case "p256dh":
				a.P256Dh, err = p.WordField(field+".keys.p256dh", profile.MaxName*2)
			case "auth":
				a.Auth, err = p.WordField(field+".keys.auth", profile.MaxName)
			default:
				err = transports.WrongField(field+".keys."+transports.ShownField(key), "there is no such field; there are p256dh, auth")
			}
			return err
		})
	default:
		err = transports.WrongField(field+"."+transports.ShownField(name), "there is no such field; an address of "+c.Name+" has "+c.Members())
	}
	return err
}
