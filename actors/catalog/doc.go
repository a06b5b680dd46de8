// Package catalog keeps what an app has under a name, in versions: its segments.
//
// Rules that a change must keep:
//
//   - Each change is a version, and versions are numbered from 1 without a gap, also
//     when several nodes write at once: the current one is swapped, never just put.
//   - What was replaced stays readable for Config.Keep at least: messages name the
//     version that they were accepted with. So a name that was removed keeps its
//     record as long, and goes on counting if it comes again.
//   - The old version is stored before the new one takes its place. A crash in between
//     leaves a copy, which the next change writes again.
//   - A key (actors.Once) is part of the version that it made, and so durable with it.
//   - Names and versions have bounds.
//
// What is in an entry is for its owner to check before. Start reading at catalog.go;
// history.go is about old versions, record.go about how an entry is stored.
package catalog
