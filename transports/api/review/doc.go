// Package review is the API's resources of texts that are sent only once they were approved,
// as templates and campaigns are: who writes, submits, approves and rejects which version.
//
// A Resource has the routes that all of them share. What a text says is read by its own room.
//
// Start reading at review.go.
package review
