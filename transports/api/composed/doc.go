// Package composed makes a message of a template: it reads which one a publish names, looks
// up the version that may be sent, and renders what it says in each locale once.
//
// Rules that a change must keep:
//
//   - Whether a version may be sent is asked here, for each publish, and not remembered.
//   - What a message says is settled when it is accepted: it has the version's number and
//     hash, and no later move of the template changes it.
//   - A user's actor picks the locale (actors.Message.In). What is broadcast is said in the
//     template's own locale.
//
// Start reading at composed.go.
package composed
