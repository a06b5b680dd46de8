// Package gateway holds the connections of users as actors.
//
// A Conn (conn.go) is one connection: it has one lock, for what it tells its Sink.
// A Gateway (gateway.go) stands between users and their Conns, one an event loop:
// it attaches them, also again when a user's actor has ended, hands on what is
// pushed, and lets them beat. Connections are too many to be registered with
// protoactor (connpid.go). The Exchange (exchange.go) does the same for sessions
// that are connected here while their users live on other nodes.
package gateway
