// Package longpoll parks a request until the user has news.
//
// Rules that a change must keep:
//
//   - The whole answer is one Send of the wire form: many who wait for the same
//     user share its bytes.
//   - An answer without news is 304, so the client goes on with the cursor it
//     has; nothing is lost between two requests, since each one brings it along.
//   - A parked request gives its place back however it ends: by news, by time,
//     because the client went away, or because the node goes down.
//
// Start reading at wait.go; sink.go is where the answer arrives, format.go how
// it is written, seed.go the older form.
package longpoll
