// Package send is the actor of a message to many named users: one durable order,
// delivered to each of them once.
//
// A Send (send.go) is the shell: it wakes, asks the users' actors, and writes down
// who has the message. What it knows and decides is its state's (state.go),
// which has no clock, no I/O and no random; what it has still to say to each user
// are its steps (steps.go).
package send
