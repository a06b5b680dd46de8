// Package pgserver runs a private PostgreSQL from the system's binaries, for
// tests and for trying things out: in a folder of its own, reached by a socket
// in it and, if wanted, by a port on loopback, and gone with the program that
// started it.
//
// Rules that a change must keep:
//
//   - It never touches a server that it did not start.
//   - Nothing is left running when the program ends, however it ends.
//   - It imports nothing of ours.
//
// Start reading at server.go.
package pgserver
