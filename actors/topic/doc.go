// Package topic is the live publish/subscribe of a node: who is subscribed by which
// filter (MQTT 5, 4.7), and who gets what is published.
//
// It is no actor: whoever publishes looks into a tree of filters, gives the message to
// the sessions that are connected here, sends it to the other nodes that have some,
// and, with QoS 1 or 2, to the users for whose sessions it has to wait.
//
// Rules that a change must keep:
//
//   - The tree's lock is held for a change or a look, and never while anything is sent
//     or delivered.
//   - The messages of a topic reach a session in the order in which they were published
//     on this node.
//   - A message with QoS 1 or 2 is acknowledged when it is durable for all sessions that
//     outlive their connections, on all nodes that can be reached.
//   - A shared subscription gives each message to one session: a connected one, if there
//     is one anywhere.
//   - A will is published in an actor's turn: it never waits for room (publish.go).
//
// Start reading at broker.go and trie.go, then audience.go, who gets a message, and
// publish.go. rounds.go is how many sessions of one topic are served, nodes.go what is
// known of other nodes, interest.go what waits for users, retained.go how what topics
// keep is asked for, push.go what a session is given.
package topic
