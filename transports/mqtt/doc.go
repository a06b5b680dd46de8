// Package mqtt serves a user's events, and topics, over MQTT 3.1.1 and 5.0: by
// TCP, TLS and WebSocket.
//
// A session that ends with its connection lives here alone. One that outlives
// it is its user's (session.Session): what changes in it is written down
// there before anything leaves that rests on it, and a new connection is given
// it from there.
//
// Rules that a change must keep:
//
//   - Nothing waits: not for the client, not for an actor. What needs an answer
//     goes on when the answer comes, in whichever goroutine brings it.
//   - A session's lock is held while it writes, and never while it sends to an
//     actor, publishes or ends its Socket: those are put off until it is free
//     (session.do). Locks are taken in the order gateway.Conn, session, Wire.
//   - Acknowledged is what is durable: PUBACK and PUBREC leave when everybody
//     has the message who outlives a crash, SUBACK when the subscription does.
//   - What is refused is not acknowledged: MQTT 5 has a reason code for it, and
//     with 3.1.1 the connection ends.
//   - A session that only listens holds no buffer, no goroutine and no timer.
//   - A normative rule is cited by its number in the MQTT 5.0 standard.
//   - A will is decided on when the connection is closed, or DISCONNECT has come:
//     what a client sent is read to its end, also when another connection has
//     taken the session meanwhile (parting), and the user's actor waits for that.
//   - CONNECT is answered in the turn in which the session goes live, so that
//     nothing overtakes what a client sends behind the answer.
//   - Each limit, and each thing that a client may not do, has a story in
//     testdata, which is told by TCP, TLS and WebSocket; hostile_test.go has
//     those who mean harm.
//
// Other people's tests run against the server by `make mosquitto`; .ci/mosquitto
// names each that may fail, and why. Other people's clients live through a story
// in cmd/internal/app/mqtt_clients_test.go and cmd/internal/app/mqtt_steps_test.go.
//
// Start reading at server.go and session.go; connect.go begins a session,
// inbound.go is what its client publishes, outbound.go what it is sent,
// subscribe.go what it asks for, own.go the topics of its user's inbox,
// durable.go how it outlives its connection.
package mqtt
