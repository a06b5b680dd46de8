// Package user is the actor of one user: the shell around the user's Inbox, which
// decides. It is awake while something happens, and is made anew from the journal
// by the next message.
//
// Start reading at user.go, then turn.go: a command's way from the request to the
// answer. attach.go is how connections are taken in, presence.go what is told of
// them and here.go what is told of that to others, replay.go what they are sent of what
// they missed, query.go what is read, sweep.go what leaves the disk, doze.go what is left
// in memory of one for whom nothing happens. profile.go is what is known of the user,
// delivered.go what is counted as written to its connections, join.go how it becomes
// one, device.go which of its devices are its own still, erase.go how all of it ends.
// session.go is how a user hosts the sessions that outlive their
// connections, handover.go what others take over of them, interest.go the record of
// what they are subscribed to.
package user
