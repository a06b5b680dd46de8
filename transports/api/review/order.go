package review

import (
	"reddot/actors/content"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// maxHash is how long a hash may be written.
const maxHash = 128

// readOrder reads the body of a move: {"version","hash","reason"}, of which each has its own.
func readOrder(c resource.Call, m content.Move) (o content.Order, err error) {
	o.Move = m
	body, err := c.ReadBody(0)
	if err != nil {
		return o, err
	}
	if len(body) > 0 {
		in := c.Fields()
		err = in.Whole(body, func(name string) (err error) {
			switch {
			case name == "version":
				o.Version, err = ReadVersion(in, name)
			case name == "hash" && m == content.Approve:
				o.Hash, err = in.StringField(name, maxHash)
			case name == "reason" && m == content.Reject:
				o.Reason, err = in.StringField(name, content.MaxReason)
			default:
				err = transports.WrongField(transports.ShownField(name), "there is no such field; there are "+fieldsOf(m))
			}
			return err
		})
	}
	switch {
	case err != nil:
	case o.Version == 0 && m != content.Submit && m != content.Rollback:
		err = transports.WrongField("version", "it is missing: say which one")
	case m == content.Approve && o.Hash == "":
		err = transports.WrongField("hash", "it is missing: it says what you have read")
	case m == content.Reject && o.Reason == "":
		err = transports.WrongField("reason", "it is missing: say what the author should change")
	}
	return o, err
}

// fieldsOf names the fields of a move.
func fieldsOf(m content.Move) string {
	switch m {
	case content.Approve:
		return "hash, version"
	case content.Reject:
		return "reason, version"
	}
	return "version"
}

// ReadVersion reads a version's number.
func ReadVersion(in *transports.FieldReader, field string) (uint64, error) {
	if c := in.Peek(); c != '-' && (c < '0' || c > '9') {
		return 0, in.NotA(field, "a version's number")
	}
	n, ok := in.Int()
	if !ok || n < 1 {
		return 0, transports.WrongField(field, "versions are numbered from 1")
	}
	return uint64(n), nil
}
