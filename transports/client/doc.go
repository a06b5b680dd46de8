// Package client holds the browser client and the demo page, as built from TypeScript in src/ and demo/ and embedded
// into the program.
//
// Rules a change must keep:
//   - The Go build needs no Node: dist/ may be empty, and then the page says so.
//   - reddot.js has no dependencies and stays below 10 KB, the bell below 8 KB, compressed by brotli; build.mjs refuses more.
//   - No lock, channel or count is shared before the server has said whose it is (src/identity.ts).
//   - Nothing says "live" that has not been heard from: a transport is live with its first byte, a follower while its leader
//     answers (src/tabs.ts, a pure machine that a property test drives).
//   - What a page has only one of, its title, icon and badge, is written by src/page.ts alone.
//   - The client treats cursors as opaque and tells each event once, whatever the transport (src/ledger.ts).
//   - Nothing is inline in the demo page, so that a strict Content-Security-Policy can serve it.
//
// Start reading at src/index.ts for the client, at demo/demo.ts for the page, and at client.go for how they are served.
package client
