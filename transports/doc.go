// Package transports is what every way in or out shares: who calls (server
// keys, user tokens), how much a caller may do (limits), how a refusal is told
// (problems over HTTP, close codes over WebSocket), and how a connection that
// stays is kept and written to.
//
// Rules that a change must keep:
//
//   - Nothing trusts a claim before the signature is verified by the app that
//     the token names, and a verifier accepts only the algorithms that fit its
//     own kind of key.
//   - A secret is a Secret: it has no way into a log, an error or a JSON body.
//   - Every refusal is an actors.Error with a sentence that tells the caller
//     what to change and tells nothing that only the owner of a credential may
//     know.
//   - Verifying a hot key or a hot token takes no lock for writing, reads no
//     disk and no network, and allocates nothing.
//   - JSON from outside is read by jsontext and the FieldReader, whichever way it
//     comes in: no transport takes a command that another refuses.
//   - Every map or buffer that the outside can fill has a bound.
//   - A Wire never blocks the goroutine that sends to it, and has one writer.
//   - A node has very many Sockets: what is the same for many is shared, what
//     most do not need is made when it is needed, and none has a goroutine or a
//     timer where a Loop carries it.
//   - How long something takes (keep-alive, rates, patience, pauses, bans) is
//     measured by the monotonic clock: time.Now, time.Since, the wheel. The wall
//     clock is Deps.Now, and judges tokens, keys and the times in requests alone.
//     When it steps forward, connections whose tokens it passes end at once
//     (Streams.EndExpired); when it steps back, they and what Tokens remember stay
//     good until it shows their exp again, and a token that was issued after a
//     revocation is refused until the clock has caught up with that. A JWK Set is
//     fetched in pauses of monotonic time.
//   - The package sees neither the cluster nor a store: records come in as
//     actors.Records, and whoever hears of a change elsewhere calls Reload.
//   - Hashing a password is the costliest thing that a stranger can ask for: few
//     are hashed at a time, few wait, and nothing is hashed twice in a row.
//
// Start reading at auth.go, then principal.go, keys.go, tokens.go and logins.go;
// limits.go and gate.go are about how much, problem.go and closecodes.go about
// how to say no. place.go, socket.go and wire.go are the connections that
// stay: streams.go counts them, wheel.go ends them in time, resume.go gives
// them back. portable.go and sink.go carry those that no Loop can, and
// park_unix.go lets those of TLS rest.
// request.go is what a handler is given.
package transports
