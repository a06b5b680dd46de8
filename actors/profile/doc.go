// Package profile is what an app knows of one user: tags, attributes, addresses,
// locale, zone and tenants, what the user prefers, and which topics it follows.
//
// It decides, and has no clock, I/O or random: a State changes by the journal's
// events alone (Apply), and what is to happen is decided as a ProfileChange, which
// the user's inbox makes an event of.
//
// Rules that a change must keep:
//
//   - An event holds the whole of each part that it changes, never a patch: nothing
//     is evaluated again when it is replayed.
//   - It is a person's data. What takes the place of something says which event holds
//     that (Apply), so that it leaves the disk.
//   - What the kernel's messages hold is never changed once it is applied: it is
//     shared by all who read it.
//   - Everything has a bound in numbers and in bytes (limits.go), which is checked
//     again here after the edge has: another node may be older.
//   - A new field is stored too (stored.go) and shown (text.go).
//   - What segments may ask for has rows in the index (index.go), which change with it,
//     in the same commit.
//
// Start reading at state.go, then decide.go. check.go is what is allowed, channel.go
// which channels there are and how they name an address.
package profile
