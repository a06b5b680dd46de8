// Package chaos lets a cluster of real server processes go through faults
// under load, records what its callers and clients saw, and proves from that
// that nothing acknowledged was lost, nothing applied twice, no rev forked and
// every count exact.
//
// A run lives in namespaces of its own (sandbox_linux.go): network, mounts and
// processes, so that nothing of it can be left, however it ends. Each server has
// a network namespace (net_linux.go); what servers say to each other and to the
// database passes a relay (relay_linux.go), which delays, loses and stalls it. Callers
// (callers_linux.go, broadcasts_linux.go, profiles_linux.go) and clients (clients_linux.go,
// devices_linux.go) record histories (log.go); imports_linux.go imports users, slowly;
// screen/ is how a client connects, here and in the tests of app. The nemesis
// (nemesis_linux.go) does the faults. final_linux.go reads the truth at the end, and judge/
// says what is wrong. presence_linux.go asks who is connected then. With mode loss databases
// lose what they had last (loss_linux.go).
//
// Rules that a change must keep:
//
//   - Whatever is random comes from the seed, which is printed first.
//   - What the servers are asked is what every caller and client could ask.
//   - A run that shows nothing (no writes, no events by some transport) fails.
//
// Start reading at run_linux.go, then judge/.
package chaos
