// Package people has users as a program would know them that looks at each of them, and
// segments at random with what such a program says of who is in them. The tests of those
// who keep profiles and send to segments compare themselves with it.
//
// Rules that a change must keep:
//
//   - It has nothing in common with what it is compared with but the commands of package
//     actors: it neither reads expressions nor keeps an index.
//   - The same random numbers give the same people and segments.
//
// Start reading at people.go, then segment.go.
package people
