package actors

// A yielded is the will of a connection whose session another one has taken. It
// is published unless the client has said goodbye there, which may be heard
// later than the CONNECT that came behind it by another way.
type yielded struct {
	epoch uint64 // the session's token of then
	wills []*Will
	next  *yielded
}

// yields returns how many there are.
func (u *User) yields() (n int) {
	for y := u.yielded; y != nil; y = y.next {
		n++
	}
	return n
}

// yield lets wills wait for the end of their connection, which is told by
// CloseSession; it is not waited for longer than for one that is lost.
func (u *User) yield(epoch uint64, wills []*Will) {
	u.yielded = &yielded{epoch, wills, u.yielded}
	h, self := u.home, u.self
	h.Delay(h.Grace, func() { h.send(self, &yieldOver{epoch}) })
}

// settle publishes the wills of a connection that has ended, unless its client
// has said goodbye.
func (u *User) settle(epoch uint64, orderly bool) {
	for at := &u.yielded; *at != nil; at = &(*at).next {
		y := *at
		if y.epoch != epoch {
			continue
		}
		*at = y.next
		if orderly {
			return
		}
		h := u.home
		u.after(nil, func() {
			for _, w := range y.wills {
				h.Topics.PublishWill(w, nil)
			}
		})
		return
	}
}
