// Package index reads the index of an app's users: who has which profile, and whom a
// segment finds.
//
// Each user's writes keep its rows (State.IndexChange of profile), in the commit of the event
// that changes what is known of it: a row of its own from its first event on, which
// holds what is known, and a posting for each value by which a segment may look for it.
// package audience makes the keys. All nodes of a cluster see the same index, for they
// share the store.
//
// Rules that a change must keep:
//
//   - The users found are those for whom the expression holds, by the same plan and
//     the same test as when a message is sent to them.
//   - Nothing grows with the number of users: rows are read in pages.
//   - A user who is erased has no row.
//
// Start reading at index.go, then postings.go.
package index
