// Package stream carries batches of frames between two nodes: one gRPC stream for
// each pair, over mutual TLS.
//
// protoactor's remote is not used, for reasons that no setting cures. Its Start
// replaces gRPC's logger, a variable of the whole process, while other nodes of
// the process use it, so that nodes can't be tested side by side under the race
// detector. A batch that it fails to send is gone without a word to anybody, and
// so is all that is sent until the endpoint is found dead. Its queues have no
// bound, its writer sleeps two seconds after each refused connection, and a send
// waits for a supervisor, while ours must not block.
//
// Rules that a change must keep:
//
//   - Batches of a stream arrive once and in order, or the stream ends and both
//     sides know.
//   - A connection that has not said hello is a stranger's (strangers.go): in all and
//     of one address there are few, and none for long.
//   - Nothing is dialed again by itself: the caller learns at once of a refusal.
//   - What a batch means is no matter of this package.
//
// Start reading at stream.go, then server.go and dial.go.
package stream
