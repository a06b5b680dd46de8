// Package content is what an app has written to be sent: categories, and templates with
// typed variables, content by locale and channel, versions and their review.
//
// Rules that a change must keep:
//
//   - Nothing here has a clock, I/O or a random number. What a move makes of a record is a
//     pure function (Record.After), and so is what a template says (Template.Render).
//   - What comes in is checked whole when it is written: an error names the field, and the
//     place in its text.
//   - The library reads Liquid; what its tags and filters do is ours. So rendering reads no
//     file, and has a bound in steps, in bytes that filters work on, and in what it says.
//   - In HTML a value is escaped, unless it is markup.
//   - A source has one canonical body, whose hash is what a reviewer approves.
//
// Start reading at source.go, then template.go; scan.go finds faults in a text, liquid.go
// makes it ready, render.go and filters.go run it. review.go is the way of a version from
// draft to live, diff.go compares two, category.go is about categories.
package content
