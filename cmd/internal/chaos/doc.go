// Package chaos lets a cluster of real server processes go through faults
// under load, records what its callers and clients saw, and proves from that
// that nothing acknowledged was lost, nothing applied twice, no rev forked and
// every count exact.
//
// A run lives in namespaces of its own (sandbox_linux.go): network, mounts and
// processes, so that nothing of it can be left, however it ends. Each server has
// a network namespace (net_linux.go); what servers say to each other and to the
// database passes a relay (relay_linux.go), which delays, loses and stalls it. Callers
// (callers_linux.go, broadcasts_linux.go) and clients (clients_linux.go, devices_linux.go)
// record histories (history.go); screen/ is how a client connects, here and in the tests of
// app. The nemesis (nemesis_linux.go) does the faults; check.go and linear.go judge. What is
// broadcast is in the store's log once (broadcast.go); timeline.go puts it between the events
// of each user's journal, where it was merged, and reach.go holds it against what each user
// followed by what was acknowledged. presence_linux.go asks who is connected in the end. With
// mode loss databases lose what they had last (loss_linux.go); loss.go knows what,
// and judges that nothing else is lost and that every client was told.
//
// Rules that a change must keep:
//
//   - The judges see histories alone, and judge them without clock or network:
//     their tests feed them histories with each kind of fault.
//   - What is said to many overlaps with what each user does: where the order was not
//     acknowledged either is good, and then it is the same for every client and server.
//   - Whatever is random comes from the seed, which is printed first.
//   - What the servers are asked is what every caller and client could ask.
//   - A run that shows nothing (no writes, no events by some transport) fails.
//
// Start reading at run_linux.go, then check.go and timeline.go.
package chaos
