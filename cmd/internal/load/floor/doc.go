// Package floor is the least that a push server can do: one loop reads a
// publish, writes the bytes of one frame to the connections of that user, and
// answers. It is what the machine allows, and so the measure for any product.
//
// Rules that a change must keep:
//
//   - No state but which socket is whose: no counts, no inbox, no disk, no
//     authentication, no limits. It listens on loopback only.
//   - One thread, one system call a frame.
//   - It understands what the load generator sends, and no more.
//
// Start reading at floor_linux.go; elsewhere there is none.
package floor

// Ready precedes the address in the line with which Serve says that it listens.
const Ready = "floor at "
