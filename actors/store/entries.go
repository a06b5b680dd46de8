package store

import (
	"cmp"
	"slices"
)

// An Entry is an event or a snapshot of one actor.
type Entry struct {
	Seq  uint64
	Data []byte
}

// Entries are events, or snapshots, of one actor in the order of their seqs.
type Entries []Entry

// Find returns where seq is in the list, or would be.
func (l Entries) Find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(l, seq, func(e Entry, seq uint64) int { return cmp.Compare(e.Seq, seq) })
}

// Put sets seq to a copy of data.
func (l *Entries) Put(seq uint64, data []byte) {
	e := Entry{seq, append([]byte{}, data...)}
	if i, ok := l.Find(seq); ok {
		(*l)[i] = e
	} else {
		*l = slices.Insert(*l, i, e)
	}
}

// Cut removes first to last.
func (l *Entries) Cut(first, last uint64) {
	if first > last {
		return
	}
	i, _ := l.Find(first)
	j, ok := l.Find(last)
	if ok {
		j++
	}
	*l = slices.Delete(*l, i, j)
}
