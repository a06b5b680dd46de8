// Package quota shares out what all users of an app may get in a window of time: each node
// takes portions from a record of the store, and spends them without asking anybody.
//
// Rules that a change must keep:
//
//   - A portion is taken by a compare-and-set before any of it is spent, so the sum is never
//     overdrawn: not by nodes that ask at once, and not by a swap whose outcome is unknown.
//   - A portion is a small part of what is left. What a node that died had not spent counts as
//     spent until the window ends: nobody can know. With eight nodes that is less than one in a
//     hundred. A node that stops gives it back.
//   - Left and Spend never wait: users' turns call them.
//
// A node whose clock is ahead begins a window early, for all.
//
// Start reading at table.go.
package quota
