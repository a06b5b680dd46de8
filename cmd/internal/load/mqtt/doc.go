// Package mqtt writes and reads the packets of MQTT 3.1.1 that the load generator
// exchanges with a broker.
//
// Rules that a change must keep:
//
//   - Nothing of the server's code is imported: what the server believes is no
//     evidence. A client library's codec checks in the tests what is written.
//   - Packets are appended to the caller's buffer, and what is read are parts of the
//     bytes that came.
//
// Start reading at packets.go.
package mqtt
