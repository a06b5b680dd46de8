// Package inbox is what one user has and sees, and what is decided about it:
// messages, counts, idempotency, history, the sessions that outlive their
// connections, and what is known of the user.
//
// Rules that a change must keep:
//
//   - Nothing here has a clock, I/O or a random number, except the files that
//     read a journal which they are given: load.go, page.go and asof.go.
//   - A decision returns a Ready and changes nothing. Apply is the only way to
//     change an Inbox, for a fresh event and for one that is replayed.
//   - What an event does is never judged again when it is replayed. An entry of the broadcast
//     log is, by its own time and what was spent before it: so it comes to the same.
//   - What is no longer needed leaves the disk by time (retention.go).
//
// Start reading at inbox.go, then decide.go; history.go is what stays in the
// journal, snapshot.go the state as it is stored, merge.go how broadcasts come in, are judged and wait, and
// join.go those from before a user was one, outline.go what stays in memory of one whose
// user dozes, sessions.go what is decided about the sessions (actors/session), profile.go
// about the profile (actors/profile), act.go about answers to messages, delivered.go what was written to connections, erase.go
// the end of all of it.
package inbox
