// Package hostile is behind `reddot bench hostile`: one user and one address do the
// worst while others work, and what the others notice is measured.
//
// Rules that a change must keep:
//
//   - All that is hostile comes from one address and with one user's token; the others
//     come from addresses of their own.
//   - An attack sends what any client may send, and counts how often it was made: one
//     that was never made proves nothing.
//
// Start reading at hostile.go, then attacks.go and mqtt.go.
package hostile
