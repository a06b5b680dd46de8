// Package store keeps what the actors must not lose: in memory, in Pebble, an
// embedded store in one data directory, or in a PostgreSQL database that
// several nodes share.
//
// Memory, Pebble and Postgres implement actors.Journal, actors.Lookup,
// actors.Records and actors.Fences. All write by group commit: Append queues,
// and a writer's goroutine commits all that queued while its last commit was
// under way, then settles it. Postgres has several writers, each with the
// writes of some shards.
//
// Rules that a change must keep:
//
//   - A write is settled as durable only after the commit that holds it was
//     synced, and it is applied whole or not at all.
//   - A write under another fence than its shard's present one is refused, by
//     a check that no other write can come in between with (fences.go).
//   - After a commit whose outcome is unknown, its streams fail, and what is
//     queued behind it too. Pebble then ends: writes and reads of every kind fail
//     with Unavailable, for what Pebble shows may not be on the disk, and only a
//     new start tells what is. Config.Failed is told, and the process is to end.
//     Postgres's writer waits until the database is back (mend.go).
//   - Below the watermark of its disk Pebble refuses what brings something new,
//     before anything of it is done; what trims, and what time does by itself, is
//     taken (pebble_room.go). A disk that is full would end it.
//   - Actors run their turns within actors.Settle, in the writer's goroutine,
//     and may call Append there: no lock is held, and Append never waits.
//   - The writer's goroutine reads nothing from Pebble but what a stream's first
//     write follows (predecessor.go): once Pebble has failed, a read may wait for
//     its locks for good, and only a commit that waits is taken over (takeOver).
//   - A write follows the event or snapshot that it names (Write.After), or it is
//     refused: a store that has lost events is noticed, and no journal gets a hole.
//   - Events and snapshots are opaque. They carry their own version; the
//     store has one format version for its keys and for the values it makes
//     itself (formatVersion).
//   - What was deleted leaves the files by time too (pebble_erase.go,
//     postgres_vacuum.go).
//   - What is in keys.go, comparer.go and merger.go is on disk. To change it
//     is a new format version.
//   - What Postgres commits is one statement in its own transaction: it reaches
//     the server whole, so that a node that freezes leaves no lock behind, and
//     checks the fences under a lock for which Take waits (postgres_sql.go).
//     An event's (key, seq) is unique beside it: that refuses what two
//     activations of one epoch would write, and what comes late.
//   - What makes a commit durable is asked for in each session and looked at again
//     all the time; a database that may lose what it acknowledges is not written
//     to (postgres_session.go).
//   - A history has an id, which is part of every cursor (actors.Historian). A
//     restart keeps it; a restore, a promotion and the opening of a copy begin
//     another one, for what came last may be missing (history.go,
//     postgres_history.go). Each connection to a database compares it, also while
//     it is open. On another one Postgres turns: nothing is read or written until
//     no committer is connected and the node has given up what it has in memory
//     (actors.Turner). No write of an actor from one history reaches another one,
//     and a history that was left is never gone back to.
//   - A backup counts once it was read to its end: what was cut off or altered
//     leaves nothing (backup.go).
//   - A migration that was released is never changed; the schema only grows in
//     ways that the version before can live with, for both run at a time.
//
// Pebble shows a batch to readers before its log is synced, while nothing has
// failed yet. What each read makes of that:
//
//   - Load sees nothing that is not durable: an actor reads its journal when
//     everything that the activation before it wrote is settled, or that it wrote
//     itself (doze), and nobody else writes it.
//   - Events and Snapshot are asked by an awake actor, out of its outbox, for
//     seqs up to one that is durable (User.after). What is not durable yet is
//     beyond them, or a snapshot of events that are, or has trimmed some of
//     them: then they are missing, and the reader asks again.
//   - Owner answers whom to ask. That actor's answer leaves through its outbox,
//     when what it rests on is durable.
//   - Due answers whom to wake. That actor decides by its own state.
//   - Tallies, ReadRecord and ListRecords are believed as they are: they wait
//     for the sync of the commit under way (leaveDurable).
//   - Epochs answers what was committed (fences.go).
//
// Each asks again at its end whether the writer has failed meanwhile. Memory
// shows a batch when nothing can go wrong with it any more, PostgreSQL what is
// committed; there, Load alone waits until what became of the last commit is
// known, for a read of before it would be believed.
//
// After a sync that failed the system may show what is not on the disk. A new
// start replays the log and writes it into new tables, which it syncs, before
// it answers anything.
//
// Pebble's own log is the only one. One of ours in front of it, written into
// prewritten segments by the writer's goroutine, brought 4 to 7 % of the rate
// one by one and nothing in batches: too little for a second thing to replay.
//
// Start reading at writer.go, then keys.go, pebble.go and pebble_write.go, or
// postgres.go, postgres_session.go, postgres_sheet.go and postgres_sql.go.
package store
