// Package embedded is the store in one data directory, in Pebble. One process at
// a time uses it.
//
// Rules that a change must keep, beside those of all stores:
//
//   - After a commit whose outcome is unknown the store ends: writes and reads of
//     every kind fail with Unavailable, for what Pebble shows may not be on the
//     disk, and only a new start tells what is. Config.Failed is told, and the
//     process is to end.
//   - Below the watermark of its disk the store refuses what brings something new,
//     before anything of it is done; what trims, and what time does by itself, is
//     taken (room.go). A disk that is full would end it.
//   - The writer's goroutine reads nothing from Pebble but what a stream's first
//     write follows (index.go): once Pebble has failed, a read may wait for its
//     locks for good, and only a commit that waits is taken over.
//   - What is in keys.go, comparer.go and merger.go is on disk. To change it
//     is a new format version (formatVersion).
//   - What was deleted leaves tables and logs within Config.EraseWithin (erase.go).
//   - A backup counts once it was read to its end: what was cut off or altered
//     leaves nothing (backup.go). A copy begins another history when it is opened
//     (history.go).
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
//   - Tallies, ReadRecord, ListRecords, ScanIndex and ReadIndex are believed as
//     they are: they wait for the sync of the commit under way (leaveDurable).
//   - Epochs answers what was committed.
//
// Each asks again at its end whether the writer has failed meanwhile.
//
// After a sync that failed the system may show what is not on the disk. A new
// start replays the log and writes it into new tables, which it syncs, before
// it answers anything.
//
// Pebble's own log is the only one. One of ours in front of it, written into
// prewritten segments by the writer's goroutine, brought 4 to 7 % of the rate
// one by one and nothing in batches: too little for a second thing to replay.
//
// Start reading at keys.go, then store.go and write.go.
package embedded
