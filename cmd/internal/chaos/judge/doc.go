// Package judge says what is wrong with the histories of a chaos run: what callers and
// clients saw, the journals, and the broadcast log as the store has it.
//
// check.go holds what each client and device saw against its user's journal; linear.go finds
// out whether the operations can have happened one after the other. What is broadcast is in
// the store's log once (broadcast.go); timeline.go puts it between the events of each user's
// journal, where it was merged, and reach.go holds it against what each user followed, which
// lists it was in and what its profile said (audience.go) by what was acknowledged. labels.go
// counts by category and tenant, and knows what expires and collapses. imports.go judges jobs.
// loss.go judges that nothing is lost but what a database had lost, and that everybody was
// told.
//
// Rules that a change must keep:
//
//   - Histories are judged without clock or network, and without the product's own code: an
//     expression or a collapse key is worked out anew.
//   - What overlaps may be either, and then it is the same for every client and server.
//   - For each kind of fault a test puts it into a good history, and it is found.
//
// Start reading at history.go, then check.go and timeline.go.
package judge
