// Command reddot is the server and its tools: serve runs it, the others talk
// to one that runs, over its HTTP API, or look after its configuration.
//
// Rules that a change must keep:
//
//   - One file a subcommand; what it does belongs into a package below
//     cmd/internal.
//   - An error tells what to do; what a script needs is the exit code (exit.go).
//   - What a command finds out goes to standard output, everything else to
//     standard error.
//
// Start reading at main.go, then serve.go.
package main
