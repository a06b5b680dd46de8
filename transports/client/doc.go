// Package client holds the browser client and the demo page, as built from TypeScript in src/ and demo/ and embedded
// into the program.
//
// Rules a change must keep:
//   - The Go build needs no Node: dist/ may be empty, and then the page says so.
//   - reddot.js has no dependencies and stays below 10 KB compressed; build.mjs refuses more.
//   - The client treats cursors as opaque and tells each event once, whatever the transport (src/ledger.ts).
//   - Nothing is inline in the demo page, so that a strict Content-Security-Policy can serve it.
//
// Start reading at src/index.ts for the client, at demo/demo.ts for the page, and at client.go for how they are served.
package client
