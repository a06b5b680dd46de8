// Package event reads the JSON of Reddot's API as the load generator needs it:
// events, answers and counts.
//
// Rules that a change must keep:
//
//   - Nothing of the server's code is imported: what the server believes is no
//     evidence.
//   - Nothing is copied and nothing is allocated: what is read are parts of the bytes
//     that came.
//   - Any bytes end, with a value or an error.
//
// Start reading at event.go; json.go is the scanner below it.
package event
