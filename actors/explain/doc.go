// Package explain tells the life of one message for one user: what was decided about it and
// done with it, in order, and in one sentence what came of it.
//
// Rules that a change must keep:
//
//   - It has no clock, I/O or random: a Life is made of the events of a user's journal and
//     the entries of the broadcast log that its reader gives to it, in their order.
//   - It judges nothing. What a rule said is in the event; whether an entry was for the user
//     its reader has found out.
//   - Where the journal no longer reaches back, it says so and guesses nothing.
//   - No content of a message stands in it.
//
// Start reading at life.go; outcome.go is the sentence.
package explain
