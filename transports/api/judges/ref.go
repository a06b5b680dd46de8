package judges

import "reddot/transports"

// A Ref names what judges a message.
type Ref struct {
	Name    string // empty: the app's default
	Version uint64 // 0: the one that holds now
}

// maxName is how long a policy's name may be written.
const maxName = 1 << 10

// ReadRef reads {"name":…}, with a "version" if there is one.
func ReadRef(in *transports.FieldReader) (r Ref, err error) {
	err = in.Object("policy", func(name string) error {
		switch name {
		case "name":
			text, err := in.WordField("policy.name", maxName)
			if err != nil {
				return err
			}
			if r.Name, err = transports.ParseName(text); err != nil {
				return transports.WrongField("policy.name", "it is no name of a policy")
			}
		case "version":
			n, ok := in.Int()
			if !ok || n < 1 {
				return transports.WrongField("policy.version", "versions are whole numbers from 1")
			}
			r.Version = uint64(n)
		default:
			return transports.WrongField("policy."+transports.ShownField(name), "there is no such field; there are name, version")
		}
		return nil
	})
	if err == nil && r.Name == "" {
		err = transports.WrongField("policy", "it names no policy")
	}
	return r, err
}
