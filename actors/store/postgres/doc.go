// Package postgres is the store in a database that speaks PostgreSQL's protocol.
// Several nodes may use it at a time.
//
// A store has several writers, each with the writes of some shards, so that those
// of one actor keep their order. Reads go over a pool of connections, and see
// what is committed; Load alone waits until what became of the last commit is
// known, for a read of before it would be believed.
//
// Rules that a change must keep, beside those of all stores:
//
//   - After a commit whose outcome is unknown its writer refuses what comes, and
//     waits until the database is back.
//   - What is committed is one statement in its own transaction: it reaches the
//     server whole, so that a node that freezes leaves no lock behind, and checks
//     the fences under a lock for which Take waits (sql.go). An event's (key, seq)
//     is unique beside it: that refuses what two activations of one epoch would
//     write, and what comes late.
//   - What makes a commit durable is asked for in each session and looked at again
//     all the time; a database that may lose what it acknowledges is not written
//     to (session.go).
//   - Each connection compares the database's history, also while it is open. On
//     another one the store turns: nothing is read or written until no committer is
//     connected and the node has given up what it has in memory (actors.Turner). No
//     write of an actor from one history reaches another one, and a history that
//     was left is never gone back to (history.go).
//   - A migration that was released is never changed; the schema only grows in
//     ways that the version before can live with, for both run at a time.
//   - What was deleted is vacuumed within Config.EraseWithin (vacuum.go).
//   - No error shows a part of the URL (url.go), and none that reaches a client a
//     value or a key.
//
// Start reading at store.go, then session.go, write.go, changeset.go and sql.go.
package postgres
