// Package session is what one user's durable MQTT sessions are: to what their clients
// subscribe, which messages are queued for them or inflight in either direction, their
// wills and their ends.
//
// It decides, and has no clock, I/O or random: a Set changes by the journal's events
// alone (Apply, ApplyQueued), and what is to happen is decided as a SessionChange,
// which the user's inbox makes an event of.
//
// Rules that a change must keep:
//
//   - A topic's message is in the journal's event that holds it. A session has that
//     event's seq, and the event stays as long as any session needs it (Set.Events).
//   - A new field is stored too (stored.go), or says that it is not.
//   - What is on its way (Publishing, Offering) is so for one epoch: opening a session
//     ends it.
//   - What the client may have seen is never given to another session
//     [MQTT-4.8.2-4] [MQTT-4.8.2-5].
//
// Start reading at set.go, then decide.go. yielded.go is the will of a connection whose
// session another one has taken.
package session
