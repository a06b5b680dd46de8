// Package actorstest has what tests of actors need: a Probe, which is a
// connection that records what it is sent, a Journal that fails, stalls or is
// full on demand, and a Clock that goes when it is told to.
//
// Rules that a change must keep:
//
//   - It imports actors, the kinds of actors and what a store holds in memory
//     (actors/store/memory), so that every package below actors can use it.
//   - Nothing here waits for a time to go by: it waits for a condition.
//
// Start reading at probe.go; steps.go is a node for transcripts, which goes one step at a
// time.
package actorstest
