// Package standings is the API's resource of what an app says of one user, beside what is
// known of it: that it is denied messages, or allowed them past some rules.
//
// What the rules make of it is said by the package rule of actors; it is a part of the
// user's state, which the user's actor changes.
//
// Start reading at standings.go.
package standings
