// Package poll answers short polls: where does the user stand, and has that
// changed since I last asked?
//
// Rules that a change must keep:
//
//   - The entity tag is the cursor, the same as on every other way in, so a
//     client may take it from one and go on with another.
//   - A client that has everything is answered 304 without a body.
//
// Start reading at counts.go; legacy.go has the older form.
package poll
