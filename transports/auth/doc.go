// Package auth says who calls: server keys, user tokens and their verification
// keys, users with passwords, and what of it was revoked.
//
// Rules that a change must keep:
//
//   - A caller comes out as a transports.Principal, or as an error that tells a
//     stranger nothing that helps to guess.
//   - Whoever was let in is asked for again when a key, a token or a file changes
//     (StillValid), and once more after a connection is registered.
//   - What a stranger can make the server do is bounded: signatures by the Gate's
//     pace, passwords by how many are hashed at once, caches by their size.
//   - A secret is stored as a digest, and is shown once.
//
// Start reading at auth.go; credentials.go finds what a request brings along,
// tokens.go, verifier.go and jwks.go verify user tokens, keys.go keeps server keys,
// logins.go and passwordfile.go are users with passwords, revocations.go what is no
// longer good, stillvalid.go what still is.
package auth
