// Package templates says of which templates messages may be made: of approved versions alone,
// which is looked up when a message is sent. They are kept by package reviewed.
package templates
