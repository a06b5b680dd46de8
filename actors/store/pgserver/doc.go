// Package pgserver runs a private PostgreSQL from the system's binaries, for
// tests and for trying things out: in a folder of its own, reached by a socket
// in it and, if wanted, by a port on loopback, and gone with the program that
// started it. It makes replicas of a server and promotes them, dumps and restores
// it, and puts a PgBouncer or a switch between two servers in front of it.
//
// Rules that a change must keep:
//
//   - It never touches a server that it did not start.
//   - Nothing is left running when the program ends, however it ends.
//   - It imports nothing of ours.
//
// Start reading at server.go, then replica.go.
package pgserver
