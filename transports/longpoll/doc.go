// Package longpoll parks a request until the user has news.
//
// Rules that a change must keep:
//
//   - The body of the answer is one Send of the wire form: many who wait for
//     the same user share its bytes.
//   - An answer without news is 304, so the client goes on with the cursor it
//     has; nothing is lost between two requests, since each one brings it along.
//   - A parked request holds no goroutine and nothing of fasthttp's: its
//     connection is hijacked, the answer's head is written here, and then the
//     connection goes back to the HTTP server, with what the client has sent
//     behind the request. Whatever has to be known of the request is copied
//     when it parks.
//
// Start reading at wait.go; parked.go is where the answer comes from, format.go
// how its body is written, legacy.go the older form.
package longpoll
