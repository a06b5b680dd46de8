package streams

import "reddot/actors"

// maxIdle is how much a client may send that has nothing to say, in bytes:
// room for a careless one, none for a hose.
const maxIdle = 16 << 10

// Listen is Protocol.Receive for clients that only listen (SSE, iframe): what
// they send means nothing, and too much of it ends the connection.
func Listen(s *Socket) bool {
	if s.Received() <= maxIdle {
		return true
	}
	s.Close(actors.EndProtocol)
	return false
}
