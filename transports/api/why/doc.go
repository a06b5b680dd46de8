// Package why is the API's answer to who got a message, and why somebody did or did not.
//
// Rules that a change must keep:
//
//   - It only reads: nothing is written, and no content of a message is shown.
//   - Who may ask is said by the route: whoever supports the app's users, and a user of
//     itself.
//   - A user's token is not told what others have said of the user, nor about audiences,
//     policies and campaigns (explain.Life.Own).
//   - What became of a message is said by the user's own actor alone; a list of many is
//     bounded in users and in time, and lets those sleep again whom it woke.
//
// Start reading at explain.go, then recipients.go.
package why
