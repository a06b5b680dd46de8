package streams

import (
	"reddot/actors"
	"reddot/transports"
)

// A Backlog is what waits to be written to one client. A client is slow by the
// bytes and the time that it leaves waiting, never by their number: small frames
// share a chunk, and what waits is written together. Its zero value is empty.
type Backlog struct {
	chunks [][]byte          // the oldest first, of which a part may be written
	size   int               // bytes in chunks
	claim  *transports.Claim // of those; nil: nothing waits, or there is no Budget
}

// chunkBytes is how large the chunks are that small frames share.
const chunkBytes = 4 << 10

// Size returns how many bytes wait.
func (b *Backlog) Size() int { return b.size }

// Chunks returns what waits, to be written in this order.
func (b *Backlog) Chunks() [][]byte { return b.chunks }

// IsFull tells whether n more bytes would pass the bound, or what may wait for
// the client's address or caller. What is being written does not count for the
// bound: a page of a replay needs no room.
func (b *Backlog) IsFull(n, most int) bool {
	return b.size > 0 && (b.size-len(b.chunks[0])+n > most || b.claim.Fits(n) != nil)
}

// Grow counts n bytes that are about to be added. It says ErrSlow where that is
// more than may wait for whose they are.
func (b *Backlog) Grow(n int, whose transports.Claimer) error {
	if b.claim == nil {
		b.claim = whose.Claim()
	}
	if b.claim.Grow(n) != nil {
		if b.size == 0 {
			b.Drop()
		}
		return actors.ErrSlow
	}
	b.size += n
	return nil
}

// Force is Grow for a few bytes that must go out, such as AppendEnd's.
func (b *Backlog) Force(n int, whose transports.Claimer) {
	if b.claim == nil {
		b.claim = whose.Claim()
	}
	b.claim.Force(n)
	b.size += n
}

// Add lets a copy of p wait, which Grow or Force has counted.
func (b *Backlog) Add(p []byte) {
	last := len(b.chunks) - 1
	switch {
	case last < 0:
		b.chunks = append(b.chunks, append([]byte(nil), p...))
	case last > 0 && cap(b.chunks[last])-len(b.chunks[last]) >= len(p): // the first is being written
		b.chunks[last] = append(b.chunks[last], p...)
	default:
		b.chunks = append(b.chunks, append(make([]byte, 0, max(len(p), chunkBytes)), p...))
	}
}

// Share is Add for bytes that nobody changes any more: many connections may wait
// with the same. Few are copied, so that they share a chunk.
func (b *Backlog) Share(p []byte) {
	if len(p) < chunkBytes {
		b.Add(p)
		return
	}
	b.chunks = append(b.chunks, p[:len(p):len(p)])
}

// Join is Add for another part of what was added last.
func (b *Backlog) Join(p []byte) {
	last := len(b.chunks) - 1
	if last < 0 {
		b.Add(p)
		return
	}
	b.chunks[last] = append(b.chunks[last], p...)
}

// Written forgets the first n bytes.
func (b *Backlog) Written(n int) {
	b.size -= n
	b.claim.Shrink(n)
	for n > 0 && n >= len(b.chunks[0]) {
		n -= len(b.chunks[0])
		b.chunks[0] = nil
		b.chunks = b.chunks[1:]
	}
	if n > 0 {
		b.chunks[0] = b.chunks[0][n:]
	}
	if b.size == 0 {
		b.Drop()
	}
}

// Drop forgets all that waits.
func (b *Backlog) Drop() {
	b.claim.Close()
	*b = Backlog{}
}
