// Package broadcast writes each app's broadcast log, and knows on each node what is in it.
//
// A message for all users of an app is one entry in its log (DESIGN.md,
// invariant 10). The log is the journal of one persistent actor, Writer, so that its
// positions have no gaps and are taken by one writer, fenced like any other. Users
// merge the entries into their inboxes (actors/inbox/merge.go); a merge writes nothing.
//
// What a change must keep: an entry, once durable, is never changed in what a merge
// rests on (only contents are taken out); an entry is kept for at least as long as a user's
// journal may need it to be read again; and what time does to a broadcast (it becomes
// due, it expires) is an entry of its own, since a merge knows no clock.
//
// Start reading in state.go, then writer.go; logs.go is the node's side.
package broadcast
