// Package store keeps what the actors must not lose: in memory, or in Pebble,
// an embedded store in one data directory.
//
// Memory and Pebble implement actors.Journal, actors.Lookup, actors.Records
// and actors.Fences. Both write by group commit: Append queues, and one writer
// goroutine commits all that queued while its last commit was under way, then
// settles it.
//
// Rules that a change must keep:
//
//   - A write is settled as durable only after the commit that holds it was
//     synced, and it is applied whole or not at all.
//   - A write under another fence than its shard's present one is refused, by
//     a check that no other write can come in between with (fences.go).
//   - After a commit whose outcome is unknown nothing more is written: the
//     writer ends, what is queued and all later writes fail with Unavailable,
//     reads go on. Only a new start tells what the disk holds.
//   - Actors run their turns within actors.Settle, in the writer's goroutine,
//     and may call Append there: no lock is held, and Append never waits.
//   - The writer's goroutine reads nothing from Pebble: once Pebble has failed,
//     a read may wait for its locks for good, and only a commit that waits is
//     taken over (takeOver).
//   - Events and snapshots are opaque. They carry their own version; the
//     store has one format version for its keys and for the values it makes
//     itself (formatVersion).
//   - What is in keys.go, comparer.go and merger.go is on disk. To change it
//     is a new format version.
//
// Start reading at writer.go, then keys.go, pebble.go and pebble_write.go.
package store
