// Package transports is what every way in or out shares: what a caller may do
// (Principal), how much (limits), how a refusal is told (problems over HTTP, close
// codes over WebSocket), and what was done (the audit log). Rooms below are shared as
// well: auth says who calls, streams keeps the connections that stay.
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
//   - Every transport reads JSON by jsontext and the FieldReader: none takes a
//     command that another refuses.
//   - Every map or buffer that the outside can fill has a bound.
//   - How long something takes (keep-alive, rates, timeouts, pauses, bans) is
//     measured by the monotonic clock: time.Now, time.Since, the wheel. The wall
//     clock is streams.Deps.Now, and judges tokens, keys and the times in requests alone.
//     When it steps back, connections and what auth.Tokens remember stay good until
//     it shows their exp again, and a token that was issued after a revocation is
//     refused until the clock has caught up with that. A JWK Set is fetched in
//     pauses of monotonic time.
//   - The package sees neither the cluster nor a store: records come in as
//     actors.Records, and whoever notices a change elsewhere calls Reload.
//   - Hashing a password is the costliest thing that a stranger can ask for: few
//     are hashed at a time, few wait, and nothing is hashed twice in a row.
//
// Start reading at principal.go and rights.go; limits.go, gate.go and budget.go are
// about how much, problem.go and closecodes.go are about refusals, fields.go reads
// JSON, request.go what requests bring along.
package transports
