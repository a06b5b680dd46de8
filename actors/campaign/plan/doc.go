// Package plan is what a campaign does: its text, as an author writes it, and what follows
// from that: when its rounds are, who is in which arm, and by which ids its messages go.
//
// Rules that a change must keep:
//
//   - Who is in which arm, and who is held out, follows from the campaign's start and the user
//     alone (arm.go): it is the same in every round, on every node, and after a crash.
//   - The id of a message follows from the start, the round and the arm (ids.go): a user to
//     whom it comes twice has it once.
//   - A round's time is kept as cron and zone, and turned into an instant by package schedule's
//     rules (rounds.go): of a time that does not exist the first instant behind the gap, of one
//     that comes twice the first.
//
// Start reading at text.go.
package plan
