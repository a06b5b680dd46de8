// Package rule decides whether a message reaches a user now, later, in a digest or not
// at all: by what is said of the user, by what the user prefers, and by the policy that
// the message names.
//
// The stages are asked in one written order, that of actors.Rule:
//
//	expiry → deny → subscription → mute → review → keywords → quiet hours → duplicate → cap → quota
//
// The first one that objects decides; a duplicate is left out also where an earlier stage
// would gather it, since a digest is not judged again. All are checked, then all is spent: a
// message that one stage stops spends nothing at another. What passes a stage by its
// priority, or because the user is allowed, spends nothing there either.
//
// Rules that a change must keep:
//
//   - It has no clock, I/O or random. A Policy is immutable.
//   - A State changes by the journal's events alone (Apply), the same for a fresh one and a
//     replayed one. An event holds what was decided: nothing is judged again.
//   - Judge and Explain share one path: what is explained is what was decided.
//   - A cap of N in a window W stops a message if the N-th last delivery is younger than W.
//     It is exact, and sliding.
//   - Everything has a bound in numbers and in bytes (limits.go).
//   - A message that a policy lets pass costs no memory but its verdict.
//
// Start reading at judge.go; each stage is a file of its own. policy.go is what an app
// writes, state.go what is kept of a user, gather.go and
// window.go how digests are filled.
package rule
