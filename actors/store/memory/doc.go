// Package memory is a store in memory, for tests: the model with which the random
// tests of storetest compare the other stores, and what the journal of actorstest
// keeps. No program of ours holds it.
//
// Rules that a change must keep:
//
//   - It is simple rather than fast: what it answers is right by reading it.
//   - State keeps nothing of a write that was applied to it, and hands out nothing
//     that a later write changes.
//
// Start reading at state.go.
package memory
