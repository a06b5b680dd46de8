// Package retained is the actor of what topics retain: the last message of each
// topic that was published to be kept. An app has a few of them
// (actors.RetainedKey).
//
// A Retainer (retainer.go) is the shell. What it knows and decides is its state's
// (state.go), which has no clock, no I/O and no random.
package retained
