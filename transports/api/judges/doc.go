// Package judges finds the policy by which a message is judged: the one that it names,
// or else the one that its app calls "default", as a node remembers them.
//
// Rules that a change must keep:
//
//   - Every publish asks for the default: it costs no read of the store but one a second
//     for each app.
//   - A version never changes. What is remembered of a name is, so a change holds on
//     every node within a second (fresh).
//   - A policy that can't be read refuses the message: none goes out unjudged.
package judges
