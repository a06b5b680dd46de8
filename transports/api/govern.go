package api

import "reddot/transports"

// readPolicy reads {"name":…}, with a "version" if there is one.
func (d *draft) readPolicy() error {
	s := &d.in.Scanner
	if !s.Open('{') {
		return d.in.NotA("policy", `an object such as {"name":"promo"}`)
	}
	for first := true; ; first = false {
		name, more := s.Member(first)
		if !more {
			break
		}
		switch {
		case name.Is("name") && d.policy.name != "" || name.Is("version") && d.policy.version != 0:
			return transports.TwiceField("policy." + name.String())
		case name.Is("name"):
			t, err := d.in.WordField("policy.name", maxPolicyName)
			if err != nil {
				return err
			}
			if d.policy.name, err = transports.ParseName(t); err != nil {
				return wrong("policy.name", "it is no name of a policy")
			}
		case name.Is("version"):
			n, ok := s.Int()
			if !ok || n < 1 {
				return wrong("policy.version", "versions are whole numbers from 1")
			}
			d.policy.version = uint64(n)
		default:
			return wrong("policy."+shown(name), "there is no such field; there are name, version")
		}
	}
	switch {
	case s.Bad():
		return s.Err()
	case d.policy.name == "":
		return wrong("policy", "it names no policy")
	}
	return nil
}

// maxPolicyName is how long a policy's name may be written.
const maxPolicyName = 1 << 10

// A policyRef names what judges a message.
type policyRef struct {
	name    string // empty: the app's default
	version uint64 // 0: the one that holds now
}

// govern finds the policy that judges the draft's message.
func (a *API) govern(app string, d *draft) (err error) {
	d.governs = nil
	if a.policies == nil {
		if d.policy.name != "" {
			return wrong("policy", "this field is not enabled")
		}
		return nil
	}
	if d.policy.name != "" && d.to.audience != nil {
		return wrong("policy", "it judges messages to users who are named; what is broadcast goes by what users prefer, and by deny lists")
	}
	if d.to.audience != nil {
		return nil
	}
	d.governs, err = a.policies.Of(a.deadlines.Next(), app, d.policy.name, d.policy.version)
	return err
}
