// Package wire is what crosses the links between nodes: the messages of actors as
// versioned frames, written and read. Two nodes speak the highest wire version that
// both know (cluster/handshake.go).
//
// Start reading at wire.proto, then frames.go; requests.go is what is asked of
// actors and what they answer, sessions.go what concerns sessions and topics. The
// frames of each version so far are in testdata, and are still understood.
package wire
