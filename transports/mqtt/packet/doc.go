// Package packet is the codec of MQTT 3.1.1 and 5.0: bytes to packets and back,
// one type per packet, and the syntax of topic names and topic filters. It
// holds no session and no socket, and knows no clock.
//
// Split cuts frames out of a stream, Decode makes a packet of a frame, Append
// makes bytes of a packet, and Check tells whether the standard allows a packet
// at all. Every refusal is an *Error with the reason code to answer with.
//
// Rules that a change must keep:
//
//   - The bytes are a stranger's: no input panics, and none makes the package
//     allocate more than a small multiple of the frame's own length. Split
//     compares the announced length with the limit before anybody waits for the
//     bytes or makes room for them.
//   - A decoded packet refers to its frame. It is valid as long as the frame's
//     bytes are, and nothing here writes to a frame; the caller copies what it
//     keeps.
//   - Decode reads the structure, Check holds the rules, and Decode ends with
//     Check: so what is received and what is built obey one list of rules.
//     Only what a decoded value can't show (reserved bits, the length of an
//     integer's encoding) is refused while reading.
//   - A normative rule is cited by its number in the MQTT 5.0 standard; where
//     3.1.1 alone has it, or numbers it otherwise, the comment says so.
//   - What depends on the side or on the state of a session is the session's:
//     a second CONNECT, a Subscription Identifier in a client's PUBLISH
//     [MQTT-3.3.4-6], Topic Alias Maximum, Receive Maximum, what a DISCONNECT of
//     a server may hold [MQTT-3.14.2-2], whether the client wants to know about
//     problems [MQTT-3.1.2-29].
//
// Start reading at packet.go and frame.go, then publish.go as the model of a
// packet, properties.go and topic.go.
package packet
