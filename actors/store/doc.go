// Package store is the group commit of all stores, which keep what the actors
// must not lose. Its children are the engines: embedded (Pebble, in one data
// directory), postgres (a database that several nodes share) and, for tests,
// memory. This package is an API for them; who opens a store asks them.
//
// An engine implements Engine and gives it to a Writer. Append queues, and the
// writer's goroutine commits all that queued while its last commit was under way,
// then settles it. A store with several writers gives each the writes of some
// shards.
//
// Rules that a change must keep, here and in each engine:
//
//   - A write is settled as durable only after the commit that holds it was
//     synced, and it is applied whole or not at all.
//   - A write under another fence than its shard's present one is refused, by
//     a check that no other write can come in between with (fences.go).
//   - After a commit whose outcome is unknown, its streams fail, and what is
//     queued behind it too. The writer then ends, or waits until its engine works
//     again (mend.go).
//   - Actors run their turns within actors.Settle, in the writer's goroutine,
//     and may call Append there: no lock is held, and Append never waits.
//   - A write follows the event or snapshot that it names (Write.After), or it is
//     refused: a store that has lost events is noticed, and no journal gets a hole
//     (predecessor.go).
//   - Events and snapshots are opaque. They carry their own version; an engine has
//     a version for its keys and for the values it makes itself.
//   - What was deleted leaves the files by time too (eraser.go).
//   - A history has an id, which is part of every cursor (actors.Historian). A
//     restart keeps it; a restore, a promotion and the opening of a copy begin
//     another one, for what came last may be missing.
//   - A read never shows an actor what may yet be lost. Each engine's doc says how
//     its reads keep to that.
//   - What a refused write is told (errors.go) may reach a client: its causes alone
//     name the journal.
//
// Each engine passes the suite of storetest.
//
// Start reading at writer.go, then queue.go and fences.go.
package store
