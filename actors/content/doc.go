// Package content is what an app has written to be sent: categories.
//
// Nothing here has a clock, I/O or a random number. What comes in is checked whole, and
// an error names the field. Start reading at category.go.
package content
