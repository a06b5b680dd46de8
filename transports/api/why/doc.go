// Package why is the API's answer to why somebody did or did not get a message.
//
// Rules that a change must keep:
//
//   - It only reads: nothing is written, and no content of a message is shown.
//   - Who may ask is said by the route: whoever supports the app's users, and a user of
//     itself.
//
// Start reading at explain.go.
package why
