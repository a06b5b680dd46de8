package profile

import (
	"slices"

	"reddot/actors"
)

// names is a set of names that a user is asked to be in one at a time: the topics that
// it follows, the lists that it is in.
type names struct {
	list []string // in their order
	seqs []uint64 // the events that name some
}

func (n *names) has(name string) bool {
	_, ok := slices.BinarySearch(n.list, name)
	return ok
}

// apply takes in a change that the event seq holds. It returns which events name
// something that nobody needs any more.
func (n *names) apply(added, removed []string, seq uint64) (superseded []uint64) {
	if len(added)+len(removed) == 0 {
		return nil
	}
	for _, name := range added {
		if i, ok := slices.BinarySearch(n.list, name); !ok {
			n.list = slices.Insert(n.list, i, name)
		}
	}
	for _, name := range removed {
		if i, ok := slices.BinarySearch(n.list, name); ok {
			n.list = slices.Delete(n.list, i, i+1)
		}
	}
	n.seqs = append(n.seqs, seq)
	if len(removed) > 0 { // which of them has the name is not kept
		superseded, n.seqs = n.seqs, nil
	}
	return superseded
}

// changes tells whether adding or removing a name changes the set, and that there is
// room: for most names of size bytes together. what says what they are, for people.
func (n *names) changes(name string, remove bool, most, size int, what string) (bool, *actors.Error) {
	if n.has(name) == !remove {
		return false, nil
	}
	if remove {
		return true, nil
	}
	total := len(name)
	for _, other := range n.list {
		total += len(other)
	}
	switch {
	case len(n.list) >= most:
		return false, actors.Errorf(actors.TooMany, "a user has at most %d %s", most, what)
	case total > size:
		return false, actors.Errorf(actors.TooMany, "the names of all %s of a user have at most %d bytes", what, size)
	}
	return true, nil
}

// after returns up to limit of the names, from behind one on, and whether there are
// more.
func (n *names) after(name string, limit int) (list []string, more bool) {
	i, ok := slices.BinarySearch(n.list, name)
	if ok {
		i++
	}
	if list = n.list[i:]; len(list) > limit {
		return list[:limit], true
	}
	return list, false
}

// size returns about how many bytes the set takes in a snapshot.
func (n *names) size() (size int) {
	for _, name := range n.list {
		size += len(name) + 3
	}
	return size
}

// forget lets go of events at or below floor, which are not kept.
func (n *names) forget(floor uint64) {
	n.seqs = slices.DeleteFunc(n.seqs, func(seq uint64) bool { return seq <= floor })
}
